// A symbol in Python: the one call per tick, and views of what it left.
#include "bind_engine.hpp"

#include "arrays.hpp"
#include "bind.hpp"
#include "bind_tick.hpp"
#include "errors.hpp"
#include "fastcall.hpp"
#include "fastcore/engine/log.hpp"

namespace py = pybind11;

namespace fastcore::python {

PySymbol::PySymbol(std::shared_ptr<EngineHandle> handle, std::shared_ptr<Symbol> core, py::weakref python_engine)
    : owner(std::move(handle)),
      engine(std::move(python_engine)),
      symbol(std::move(core)),
      width(static_cast<Py_ssize_t>(symbol->plan().columns().size())) {
  row = live_view(py::dtype::of<double>(), {width}, {sizeof(double)}, symbol->cells(), symbol->block());
}

py::dict ledger_dict(const Ledger& ledger) {
  py::dict all;
  all["received"] = ledger.received;
  for (std::size_t i = 0; i < outcome_count; ++i) all[outcome_name(static_cast<Outcome>(i))] = ledger.buckets[i];
  return all;
}

void enter(const EngineHandle& handle) {
  if (handle.busy) throw BusyError(engine_at_work);
}

const Symbol& settled(const PySymbol& self) {
  enter(*self.owner);
  return *self.symbol;
}

namespace {

/// The place of a number from the beginning or the end; -1 where there is none.
Py_ssize_t column_at(PyObject* number, Py_ssize_t count) noexcept {
  int overflow = 0;
  const long long at = PyLong_AsLongLongAndOverflow(number, &overflow);
  return overflow != 0 ? -1 : static_cast<Py_ssize_t>(at < 0 ? at + count : at);
}

}  // namespace

[[gnu::noinline]] Py_ssize_t column_index(const PySymbol& self, PyObject* key) noexcept {
  const auto count = static_cast<Py_ssize_t>(self.symbol->plan().columns().size());
  Py_ssize_t index = -1;
  if (PyLong_Check(key)) {
    index = column_at(key, count);
  } else if (PyObject* const found = PyDict_GetItemWithError(self.owner->columns.ptr(), key)) {
    index = PyLong_AsSsize_t(found);
  } else if (PyErr_Occurred() != nullptr) {
    return -1;
  } else if (PyIndex_Check(key) != 0) {  // NumPy's integers
    PyObject* const number = PyNumber_Index(key);
    if (number == nullptr) return -1;
    index = column_at(number, count);
    Py_DECREF(number);
  }
  if (index >= 0 && index < count) return index;
  PyObject* const wanted = shown(key);
  PyObject* const known = PyDict_Keys(self.owner->columns.ptr());
  if (wanted != nullptr && known != nullptr)
    PyErr_Format(error_class("UnknownNameError"), "no column %U; the engine has %R", wanted, known);
  Py_XDECREF(wanted);
  Py_XDECREF(known);
  return -1;
}

namespace {

/// As column_index, for the names and numbers that are asked for at every tick; -1 for all others, and no error.
Py_ssize_t plain_index(const PySymbol& self, PyObject* key) noexcept {
  if (!PyLong_CheckExact(key)) return self.owner->column_table.find(key);
  Py_ssize_t index = -1;
  return short_whole(key, index) && index < self.width ? index : -1;
}

[[gnu::hot]] PyObject* get(PyObject* object, PyObject* key) {
  auto* const self = self_of<PySymbol>(object);
  if (self == nullptr || (self->owner->busy && !enter_fast(*self->owner))) return nullptr;
  Py_ssize_t index = plain_index(*self, key);
  if (index < 0) index = column_index(*self, key);
  return index < 0 ? nullptr : PyFloat_FromDouble(self->symbol->cells()[index]);
}

PyObject* values(PyObject* object, PyObject*) {
  auto* const self = self_of<PySymbol>(object);
  if (self == nullptr || !enter_fast(*self->owner)) return nullptr;
  const auto count = static_cast<Py_ssize_t>(self->symbol->plan().columns().size());
  PyObject* const row = PyTuple_New(count);
  for (Py_ssize_t k = 0; row != nullptr && k < count; ++k)
    PyTuple_SET_ITEM(row, k, PyFloat_FromDouble(self->symbol->cells()[k]));
  return row;
}

/// Numbers among the arguments of a call, from `first` on; those left out stay. False with a Python error set.
template <std::size_t N, std::size_t Count>
bool read_numbers(const Signature<N>& signature, PyObject* const (&values)[N], std::size_t first,
                  double (&out)[Count]) noexcept {
  for (std::size_t k = 0; k < Count; ++k) {
    PyObject* const value = values[first + k];
    if (value != nullptr && !to_double(value, out[k], "Symbol", signature.method, signature.names[first + k]))
      return false;
  }
  return true;
}

PyObject* peek(PyObject* object, PyObject* const* args, Py_ssize_t given, PyObject* keywords) {
  static constexpr Signature<3> signature{"peek", 1, 2, {"price", "size", "forming"}};
  auto* const self = self_of<PySymbol>(object);
  PyObject* values[3] = {};
  double numbers[2] = {};
  if (self == nullptr || !signature.read(args, given, keywords, values)) return nullptr;
  if (!read_numbers(signature, values, 0, numbers)) return nullptr;
  const int forming = values[2] == nullptr ? 0 : PyObject_IsTrue(values[2]);
  if (forming < 0 || !enter_fast(*self->owner)) return nullptr;
  const auto [price, size] = numbers;
  if (!valid_price(price) || !valid_size(size)) {
    throw InputError("peek: price must be above 0 and size 0 or more, both finite, not " + plain(price) + " and " +
                     plain(size));
  }
  py::array_t<double> row(static_cast<py::ssize_t>(self->symbol->plan().columns().size()));
  const Entered entered(*self->owner);
  self->symbol->peek(price, size, forming != 0, row.mutable_data());
  return row.release().ptr();
}

/// Feeds a symbol: a function of the plan may be Python's, and try to come in again.
template <class Feed>
Outcome fed(const PySymbol& self, const Feed& feed) {
  const Entered entered(*self.owner);
  return feed(*self.symbol);
}

PyObject* row_or_error(const PySymbol& self, Outcome outcome, const char* what, std::int64_t ts) {
  if (raises(*self.symbol, outcome)) {
    throw TickError(self.symbol->name() + ": " + what + " ts=" + std::to_string(ts) +
                    " refused: " + why_refused(outcome, std::string_view(what) == "bar"));
  }
  return give_row(self);
}

/// Has a journal take what comes before the symbol does.
template <class Log>
void log_first(const PySymbol& self, const Log& put) {
  if (self.symbol->log_number() == no_symbol) return;
  EngineLog& log = *self.owner->engine->log();
  bool logged = false;
  {
    const Busy busy(*self.owner);
    logged = put(log);
  }
  if (!logged) throw JournalError(log.failure());
}

/// The clock of a span, by its text. A loop says it by the same object each time: then that is all that is looked at,
/// and nothing is read and copied (with the time read from its digits, 38 ns of a bar in bench `candles.all`).
std::size_t clock_of_bars(const PySymbol& self, PyObject* span) {
  auto& spans = self.owner->spans;
  for (std::size_t clock = 1; clock < spans.size(); ++clock) {
    if (spans[clock].ptr() == span) return clock;
  }
  const std::size_t clock = time_clock(self.symbol->plan(), to_text(span, "on_bar: the span of bars"), "on_bar");
  if (PyUnicode_CheckExact(span)) spans[clock] = py::reinterpret_borrow<py::object>(span);
  return clock;
}

[[gnu::hot]] PyObject* on_bar(PyObject* object, PyObject* const* args, Py_ssize_t given, PyObject* keywords) {
  static constexpr Signature<7> signature{"on_bar", 6, 7, {"span", "ts", "open", "high", "low", "close", "volume"}};
  auto* const self = self_of<PySymbol>(object);
  PyObject* values[7] = {};
  double numbers[5] = {};
  std::int64_t ts = 0;
  if (self == nullptr || !signature.read(args, given, keywords, values)) return nullptr;
  const Plan& plan = self->symbol->plan();
  const std::size_t clock = clock_of_bars(*self, values[0]);
  if (!read_numbers(signature, values, 2, numbers)) return nullptr;
  if (!plain_time(*self, values[1], ts) && !to_time(*self, values[1], "on_bar", ts)) return nullptr;
  const Bar bar = bar_made_elsewhere(ts, numbers[0], numbers[1], numbers[2], numbers[3], numbers[4]);
  log_first(*self, [&](EngineLog& log) { return log.bar(*self->symbol, plan.clocks()[clock].text, bar); });
  if (ts < earliest_ts) return refuse_time(*self, "on_bar", values[1], ts);
  return row_or_error(*self, fed(*self, [&](Symbol& s) { return s.on_bar(clock, bar); }), "bar", ts);
}

PyObject* on_quote(PyObject* object, PyObject* const* args, Py_ssize_t given, PyObject* keywords) {
  static constexpr Signature<5> signature{"on_quote", 3, 5, {"ts", "bid", "ask", "bid_size", "ask_size"}};
  auto* const self = self_of<PySymbol>(object);
  PyObject* values[5] = {};
  double numbers[4] = {};
  std::int64_t ts = 0;
  if (self == nullptr || !signature.read(args, given, keywords, values)) return nullptr;
  if (!read_numbers(signature, values, 1, numbers) || !to_time(*self, values[0], "on_quote", ts)) return nullptr;
  const Quote quote{ts, numbers[0], numbers[1], numbers[2], numbers[3]};
  log_first(*self, [&](EngineLog& log) { return log.quote(*self->symbol, quote); });
  if (ts < earliest_ts) return refuse_time(*self, "on_quote", values[0], ts);
  return row_or_error(*self, fed(*self, [&](Symbol& s) { return s.on_quote(quote); }), "quote", ts);
}

py::dict gaps_dict(const Symbol& symbol) {
  py::dict all;
  for (std::size_t i = 0; i < gap_count; ++i) all[gap_names[i]] = symbol.gaps(all_gaps[i]);
  return all;
}

py::tuple lasting_gaps(const Symbol& symbol) {
  py::list all;
  for (std::size_t i = 0; i < gap_count; ++i) {
    if (symbol.gap_lasts(all_gaps[i])) all.append(gap_names[i]);
  }
  return py::tuple(all);
}

void on_time(const PySymbol& self, std::int64_t ts) {
  if (!may_feed(self)) throw py::error_already_set();
  checked_time("on_time", ts);
  log_first(self, [&](EngineLog& log) { return log.time(self.symbol.get(), ts); });
  const Entered entered(*self.owner);
  self.symbol->on_time(ts);
}

void on_gap(const PySymbol& self, const py::object& kind) {
  if (!may_feed(self)) throw py::error_already_set();
  const Gap gap = gap_named(to_text(kind, "on_gap: the kind of gap"));
  log_first(self, [&](EngineLog& log) { return log.gap(self.symbol.get(), gap); });
  const Entered entered(*self.owner);
  self.symbol->on_gap(gap);
}

PyMethodDef symbol_methods[] = {
    fast_keywords(
        "on_tick", on_tick,
        "on_tick($self, ts, price, size=0.0, side=0, id=0)\n--\n\n"
        "Take one tick and return the live row.\n\n"
        "ts: int, nanoseconds since 1970 UTC. price: above 0. size: 0 or more. side: 1 buyer took, -1 seller took,\n"
        "0 unknown. id: the venue's trade id, 0 for none. A tick that is refused leaves the row as it was and is counted\n"
        "in the ledger; `outcome` says in which bucket. The row returned is the same array each time."),
    fast_keywords("on_quote", translated<on_quote>,
                  "on_quote($self, ts, bid, ask, bid_size=0.0, ask_size=0.0)\n--\n\n"
                  "Take one quote as a tick at its mid with size 0 and return the live row."),
    fast_keywords("on_bar", translated<on_bar>,
                  "on_bar($self, span, ts, open, high, low, close, volume=0.0)\n--\n\n"
                  "Take one closed bar made elsewhere and return the live row. ts: a time in the bar, "
                  "nanoseconds since 1970 UTC; it is known by the start of its span."),
    fast_keywords("peek", translated<peek>,
                  "peek($self, price, size=0.0, *, forming=False)\n--\n\n"
                  "The row that a tick at this price would leave, as a fresh array; nothing changes. With forming=True "
                  "bar columns are shown as if the forming bars closed with it."),
    {"__getitem__", get, METH_O | METH_COEXIST,
     "__getitem__($self, column, /)\n--\n\nOne output by column name or number, as a float."},
    {"get", get, METH_O,
     "get($self, column, /)\n--\n\nOne output by column name or number, as a float: the fastest way to read one."},
    {"values", values, METH_NOARGS,
     "values($self, /)\n--\n\nThe row as a fresh tuple of floats, in the order of the engine's columns."},
};

py::bytes snapshot(const PySymbol& self, bool with_history) {
  enter(*self.owner);
  return self.owner->engine->snapshot_symbol(self.symbol, with_history);
}

/// Python's engine of a symbol that is still one of its own; None otherwise.
py::object engine_of(const PySymbol& self) {
  enter(*self.owner);
  return self.owner->engine->find(self.symbol->name()) == self.symbol ? self.engine() : py::none();
}

}  // namespace

py::dict cold_dict(const std::vector<ColdColumn>& cold, const Plan& plan) {
  py::dict all;
  for (const ColdColumn& one : cold) all[py::str(plan.columns()[one.column])] = one.why;
  return all;
}

void bind_symbol(py::module_& m) {
  py::class_<PySymbol> type(m, "Symbol",
                            "One symbol of an engine: takes ticks, shows its row, bars, history and ledger.");
  for (PyMethodDef& def : symbol_methods) put_method(type, def);
  bind_words(type);
  bind_views(type);
  // The method descriptor first, since it sets the slot to a slower way to itself; then the slot.
  auto* const slots = reinterpret_cast<PyHeapTypeObject*>(type.ptr());
  slots->as_mapping.mp_subscript = get;
  slots->as_sequence.sq_item = nullptr;  // a symbol is a mapping: without this, looping over it would count up for ever
  type.def_property_readonly(
          "name", [](const PySymbol& self) { return self.symbol->name(); }, "Name under which the engine holds it.")
      .def_property_readonly(
          "row", [](const PySymbol& self) { return self.row; },
          "The live row: a read-only array over the engine's memory, always the same one.")
      .def_property_readonly(
          "outcome", [](const PySymbol& self) { return outcome_name(settled(self).outcome()); },
          "Bucket of the last tick.")
      .def_property_readonly(
          "ledger", [](const PySymbol& self) { return ledger_dict(settled(self).ledger()); },
          "Ticks received, and how many ended in each bucket.")
      .def_property_readonly(
          "last_ts", [](const PySymbol& self) { return settled(self).last_ts(); },
          "Timestamp of the newest tick; 0 before the first.")
      .def_property_readonly(
          "cold", [](const PySymbol& self) { return cold_dict(settled(self).cold(), self.symbol->plan()); },
          "Columns that started anew when the symbol was restored, and why, in row order.")
      .def_property_readonly("_engine", &engine_of)
      .def("snapshot", &snapshot, py::kw_only(), py::arg("history") = false,
           "The symbol's state as bytes, for `Engine.restore_symbol`; with history=True its rows and bars, too.")
      .def(
          "on_time", &on_time, py::arg("ts"),
          "Event time has come to ts (ns since 1970 UTC): time bars that end before it close, and ticks before it are late from now on.")
      .def(
          "on_gap", &on_gap, py::arg("kind"),
          "There is a gap before the next tick: 'sequence' (ticks were lost), 'silence', 'session' (it is over: bars close) or 'feed' (it is down).")
      .def_property_readonly(
          "gaps", [](const PySymbol& self) { return gaps_dict(settled(self)); },
          "How many gaps of each kind there were.")
      .def_property_readonly(
          "gap", [](const PySymbol& self) { return lasting_gaps(settled(self)); },
          "Kinds of the gaps that last: no tick has come since.")
      .def_property_readonly(
          "ready", [](const PySymbol& self) { return settled(self).ready(); },
          "Whether every column has had a value, and no gap lasts.");
}

}  // namespace fastcore::python
