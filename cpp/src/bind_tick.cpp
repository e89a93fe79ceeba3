// The one call per tick: arguments without pybind11 in between, the tick, the live row.
#include "bind_tick.hpp"

#include <chrono>
#include <limits>

#include "errors.hpp"
#include "fastcall.hpp"
#include "fastcore/engine/log.hpp"

namespace py = pybind11;

namespace fastcore::python {

bool enter_fast(const EngineHandle& handle) noexcept {
  if (!handle.busy) return true;
  PyErr_SetString(error_class("BusyError"), engine_at_work);
  return false;
}

namespace {

/// What a time beyond 64 bits becomes, in journals too: as any other before 1970 it is refused.
constexpr std::int64_t beyond_time = std::numeric_limits<std::int64_t>::min() + 1;

const char* unit_of(std::int64_t ts) noexcept {
  if (ts >= 100'000'000'000'000) return "microseconds: multiply by 1_000";
  if (ts >= 100'000'000'000) return "milliseconds: multiply by 1_000_000";
  return ts >= 0 ? "seconds: multiply by 1_000_000_000" : "a time before 1970";
}

}  // namespace

bool raises(const Symbol& symbol, Outcome outcome) noexcept {
  return outcome == Outcome::rejected || (outcome == Outcome::invalid && symbol.policy().invalid == InvalidRule::raise);
}
const char* why_refused(Outcome outcome, bool bar) noexcept {
  if (outcome != Outcome::invalid) return "it is older than the newest, and the policy rejects what is late";
  return bar ? "prices must be above 0, volume 0 or more, all finite, and high and low the ends of the bar"
             : "price must be above 0 and size 0 or more, both finite";
}

namespace {

/// A whole number; false with a Python error set. One beyond 64 bits sets `too_large` instead, if there is such.
bool to_whole(PyObject* value, long long& out, const char* method, const char* name, const char* meaning,
              bool* too_large = nullptr) noexcept {
  int overflow = 0;
  if (PyLong_CheckExact(value)) {
    out = PyLong_AsLongLongAndOverflow(value, &overflow);
  } else {
    PyObject* const index = PyBool_Check(value) ? nullptr : PyNumber_Index(value);  // NumPy's integers
    if (index == nullptr) {
      PyErr_Clear();
      refuse_value(PyExc_TypeError, std::string(method) + ": " + name + " must be an int (" + meaning + "), not ",
                   value);
      return false;
    }
    out = PyLong_AsLongLongAndOverflow(index, &overflow);
    Py_DECREF(index);
  }
  if (overflow == 0) return true;
  if (too_large != nullptr) return *too_large = true;
  refuse_value(error_class("InputError"),
               std::string(method) + ": " + name + " must fit in 64 bits (" + meaning + "), not ", value);
  return false;
}

}  // namespace

bool may_feed(const PySymbol& self) noexcept {
  if (!enter_fast(*self.owner)) return false;
  if (!self.dropped) return true;
  const std::string& name = self.symbol->name();
  PyErr_Format(error_class("UnknownNameError"),
               "symbol '%s' has been dropped from its engine, which takes no more ticks through this handle: "
               "engine.symbol('%s') begins anew",
               name.c_str(), name.c_str());
  return false;
}

bool to_time(const PySymbol& self, PyObject* value, const char* method, std::int64_t& ts) noexcept {
  long long out = 0;
  bool too_large = false;
  if (!to_whole(value, out, method, "ts", "nanoseconds since 1970 UTC", &too_large) || !may_feed(self)) return false;
  ts = too_large ? beyond_time : out;
  return true;
}

PyObject* refuse_time(const PySymbol& self, const char* method, PyObject* value, std::int64_t ts) noexcept {
  static constexpr const char* rule = "must be nanoseconds since 1970 UTC (1_700_000_000_000_000_000 is in 2023); it";
  self.symbol->reject();
  PyObject* const kind = error_class("InputError");
  if (ts != beyond_time) {
    PyErr_Format(kind, "%s: ts=%lld %s looks like %s", method, static_cast<long long>(ts), rule, unit_of(ts));
  } else if (PyObject* const number = shown(value)) {
    PyErr_Format(kind, "%s: ts=%U %s does not fit in 64 bits", method, number, rule);
    Py_DECREF(number);
  }
  return nullptr;
}

namespace {

constexpr const char* side_meaning = "1 (buyer took), -1 (seller took) or 0 (unknown)";

/// The arguments of on_tick, positional or by keyword.
constexpr Signature<5> tick_signature{"on_tick", 2, 5, {"ts", "price", "size", "side", "id"}};

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

/// Gives a tick to its symbol and the row to the caller, or the error.
[[gnu::noinline]] PyObject* feed(const PySymbol& self, PyObject* const* values, const Tick& tick,
                                 bool sampled) noexcept {
  Symbol& symbol = *self.symbol;
  Outcome outcome = Outcome::accepted;
  {
    const Entered entered(*self.owner);  // a function of the plan may be Python's, and try to come in again
    outcome = sampled ? self.owner->engine->take_sampled(symbol, tick, Stage::on_tick) : symbol.on_tick(tick);
  }
  if (outcome != Outcome::accepted && raises(symbol, outcome)) return raise_refused(self, outcome, values);
  return give_row(self);
}

/// A tick with arguments of any kind.
[[gnu::noinline]] PyObject* on_any_tick(const PySymbol& self, PyObject* const* args, Py_ssize_t positional,
                                        PyObject* keywords) noexcept {
  PyObject* values[5] = {};
  if (!tick_signature.read(args, positional, keywords, values)) return nullptr;
  std::int64_t ts = 0;
  double price = 0.0;
  double size = 0.0;
  long long side = 0;
  long long id = 0;
  if (!to_double(values[1], price, "Symbol", "on_tick", "price")) return nullptr;
  if (values[2] != nullptr && !to_double(values[2], size, "Symbol", "on_tick", "size")) return nullptr;
  if (values[3] != nullptr && !to_whole(values[3], side, "on_tick", "side", side_meaning)) return nullptr;
  if (values[4] != nullptr && !to_whole(values[4], id, "on_tick", "id", "the venue's trade id")) return nullptr;
  if (!valid_side(side)) {
    PyErr_Format(error_class("InputError"), "on_tick: side must be %s, not %lld", side_meaning, side);
    return nullptr;
  }
  // Last, since what a number of the caller's own type does on its way here may be anything.
  if (!plain_time(self, values[0], ts) && !to_time(self, values[0], "on_tick", ts)) return nullptr;
  const Symbol& symbol = *self.symbol;
  const Tick tick{ts, price, size, id, 0, static_cast<std::int8_t>(side)};
  if (symbol.log_number() != no_symbol && !log_tick(*self.owner, symbol, tick)) return nullptr;
  if (ts < earliest_ts) return refuse_time(self, "on_tick", values[0], ts);
  return feed(self, values, tick, self.owner->engine->sample());
}

}  // namespace

/// Nearly every call has an int and two floats, and no journal waits for it: those are read here, and the tick goes
/// straight to the indicators where it can. All else is left to functions of their own, so that this one is short and
/// keeps its values in registers (62 ns to 57 in bench `one_call`).
[[gnu::hot]] PyObject* on_tick(PyObject* object, PyObject* const* args, Py_ssize_t positional, PyObject* keywords) {
  auto* const self = self_of<PySymbol>(object);
  if (self == nullptr) return nullptr;
  if (positional != 3 || keywords != nullptr || !PyFloat_CheckExact(args[1]) || !PyFloat_CheckExact(args[2]))
    return on_any_tick(*self, args, positional, keywords);
  std::int64_t ts = 0;
  Symbol& symbol = *self->symbol;
  if (!plain_time(*self, args[0], ts) || symbol.log_number() != no_symbol)  // not earlier than 2006
    return on_any_tick(*self, args, positional, keywords);
  const double price = PyFloat_AS_DOUBLE(args[1]);
  const double size = PyFloat_AS_DOUBLE(args[2]);
  bool sampled = false;
  bool done = false;
  {
    const Entered entered(*self->owner);
    sampled = self->owner->engine->sample();
    done = !sampled && symbol.straight(ts, price, size);
  }
  return done ? give_row(*self) : feed(*self, args, {ts, price, size}, sampled);
}

}  // namespace fastcore::python
