// The one call per tick: arguments without pybind11 in between, the tick, the live row.
#include "bind_tick.hpp"

#include <chrono>

#include "errors.hpp"
#include "fastcall.hpp"
#include "fastcore/engine/log.hpp"

namespace py = pybind11;

namespace fastcore::python {

bool enter_fast(const EngineHandle& handle) noexcept {
  if (!handle.busy) return true;
  PyErr_SetString(error_class("BusyError"),
                  "another thread runs a batch on this engine: an engine has one owner at a time");
  return false;
}

namespace {

const char* unit_of(std::int64_t ts) noexcept {
  if (ts >= 100'000'000'000'000) return "microseconds: multiply by 1_000";
  if (ts >= 100'000'000'000) return "milliseconds: multiply by 1_000_000";
  return ts >= 0 ? "seconds: multiply by 1_000_000_000" : "a time before 1970";
}

}  // namespace

std::string refuse_unit(Symbol& symbol, const char* method, std::int64_t ts) {
  symbol.reject();
  return std::string(method) + ": ts=" + std::to_string(ts) +
         " must be nanoseconds since 1970 UTC (1_700_000_000_000_000_000 is in 2023); it looks like " + unit_of(ts);
}

bool raises(const Symbol& symbol, Outcome outcome) noexcept {
  return outcome == Outcome::rejected || (outcome == Outcome::invalid && symbol.policy().invalid == InvalidRule::raise);
}
const char* why_refused(Outcome outcome, bool bar) noexcept {
  if (outcome != Outcome::invalid) return "it is older than the newest, and the policy rejects what is late";
  return bar ? "prices must be above 0, volume 0 or more, all finite, and high and low the ends of the bar"
             : "price must be above 0 and size 0 or more, both finite";
}

PyObject* give_row(const PySymbol& self) noexcept {
  if (self.owner->copy_rows) return PyObject_CallMethod(self.row.ptr(), "copy", nullptr);
  return Py_NewRef(self.row.ptr());
}

namespace {

bool to_whole(PyObject* value, long long& out, const char* name, const char* meaning) noexcept {
  int overflow = 0;
  if (PyLong_CheckExact(value)) {
    out = PyLong_AsLongLongAndOverflow(value, &overflow);
  } else {
    PyObject* const index = PyBool_Check(value) ? nullptr : PyNumber_Index(value);  // NumPy's integers
    if (index == nullptr) {
      PyErr_Clear();
      PyErr_Format(PyExc_TypeError, "on_tick: %s must be an int (%s), not %R", name, meaning, value);
      return false;
    }
    out = PyLong_AsLongLongAndOverflow(index, &overflow);
    Py_DECREF(index);
  }
  if (overflow != 0) {
    PyErr_Format(error_class("InputError"), "on_tick: %s=%R does not fit in 64 bits (%s)", name, value, meaning);
    return false;
  }
  return true;
}

constexpr const char* ts_meaning = "nanoseconds since 1970 UTC";
constexpr const char* side_meaning = "1 (buyer took), -1 (seller took) or 0 (unknown)";

/// The arguments of on_tick, positional or by keyword.
struct TickArguments {
  static constexpr std::size_t count = 5;
  static constexpr const char* names[count] = {"ts", "price", "size", "side", "id"};
  PyObject* values[count] = {};

  bool read(PyObject* const* args, Py_ssize_t positional, PyObject* keywords) noexcept {
    if (positional > static_cast<Py_ssize_t>(count)) {
      PyErr_Format(PyExc_TypeError, "on_tick takes ts, price, size, side, id, not %zd values", positional);
      return false;
    }
    for (Py_ssize_t i = 0; i < positional; ++i) values[i] = args[i];
    const Py_ssize_t named = keywords == nullptr ? 0 : PyTuple_GET_SIZE(keywords);
    for (Py_ssize_t i = 0; i < named; ++i) {
      PyObject* const name = PyTuple_GET_ITEM(keywords, i);
      std::size_t k = 0;
      while (k < count && PyUnicode_CompareWithASCIIString(name, names[k]) != 0) ++k;
      if (k == count || values[k] != nullptr) {
        PyErr_Format(
            PyExc_TypeError,
            k == count ? "on_tick has no argument %R; it takes ts, price, size, side, id" : "on_tick got %R twice",
            name);
        return false;
      }
      values[k] = args[positional + i];
    }
    if (values[0] != nullptr && values[1] != nullptr) return true;
    PyErr_SetString(PyExc_TypeError, "on_tick needs ts and price");
    return false;
  }
};

/// The error of a tick that was refused and counted.
PyObject* raise_refused(const PySymbol& self, Outcome outcome, PyObject* const* values) noexcept {
  PyErr_Format(error_class("TickError"), "%s: tick ts=%R price=%R size=%R refused: %s", self.symbol->name().c_str(),
               values[0], values[1], values[2] == nullptr ? Py_None : values[2], why_refused(outcome, false));
  return nullptr;
}

/// Puts a tick into the engine's journal; false with JournalError set.
bool log_tick(EngineHandle& handle, const Symbol& symbol, const Tick& tick) noexcept {
  EngineLog& log = *handle.engine->log();
  bool logged = false;
  if (log.waits()) {
    handle.busy = true;  // as Busy, which may throw
    PyThreadState* const thread = PyEval_SaveThread();
    logged = log.tick(symbol, tick);
    PyEval_RestoreThread(thread);
    handle.busy = false;
  } else {
    logged = log.tick(symbol, tick);
  }
  if (!logged) PyErr_SetString(error_class("JournalError"), log.failure().c_str());
  return logged;
}

Outcome timed_tick(EngineHandle& handle, Symbol& symbol, const Tick& tick) noexcept {
  using Time = std::chrono::steady_clock;
  const auto before = Time::now();
  const Outcome outcome = symbol.on_tick(tick);
  handle.engine->tick_latency().record(
      static_cast<std::uint64_t>(std::chrono::nanoseconds(Time::now() - before).count()));
  return outcome;
}

}  // namespace

PyObject* on_tick(PyObject* object, PyObject* const* args, Py_ssize_t positional, PyObject* keywords) {
  auto* const self = self_of<PySymbol>(object);
  if (self == nullptr || !enter_fast(*self->owner)) return nullptr;
  TickArguments named;
  PyObject* const* values = args;
  if (positional != 3 || keywords != nullptr) {
    if (!named.read(args, positional, keywords)) return nullptr;
    values = named.values;
  }
  long long ts = 0;
  double price = 0.0;
  double size = 0.0;
  long long side = 0;
  long long id = 0;
  if (!to_whole(values[0], ts, "ts", ts_meaning)) return nullptr;
  if (!to_double(values[1], price, "Symbol", "on_tick", "price")) return nullptr;
  if (values[2] != nullptr && !to_double(values[2], size, "Symbol", "on_tick", "size")) return nullptr;
  if (values == named.values) {
    if (values[3] != nullptr && !to_whole(values[3], side, "side", side_meaning)) return nullptr;
    if (values[4] != nullptr && !to_whole(values[4], id, "id", "the venue's trade id")) return nullptr;
    if (!valid_side(side)) {
      PyErr_Format(error_class("InputError"), "on_tick: side must be %s, not %lld", side_meaning, side);
      return nullptr;
    }
  }
  Symbol& symbol = *self->symbol;
  const Tick tick{ts, price, size, id, 0, static_cast<std::int8_t>(side)};
  if (symbol.log_number() != no_symbol && !log_tick(*self->owner, symbol, tick)) return nullptr;
  if (ts < earliest_ts) {
    PyErr_SetString(error_class("InputError"), refuse_unit(symbol, "on_tick", ts).c_str());
    return nullptr;
  }
  const Outcome outcome = self->owner->engine->sample() ? timed_tick(*self->owner, symbol, tick) : symbol.on_tick(tick);
  if (outcome != Outcome::accepted) {
    if (raises(symbol, outcome)) {
      PyObject* const shown[3] = {values[0], values[1], values == args ? args[2] : values[2]};
      return raise_refused(*self, outcome, shown);
    }
  }
  return give_row(*self);
}

}  // namespace fastcore::python
