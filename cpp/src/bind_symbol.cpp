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
    : owner(std::move(handle)), engine(std::move(python_engine)), symbol(std::move(core)) {
  row = live_view(py::dtype::of<double>(), {static_cast<py::ssize_t>(symbol->plan().columns().size())},
                  {sizeof(double)}, symbol->cells(), symbol->block());
}

py::dict ledger_dict(const Ledger& ledger) {
  py::dict all;
  all["received"] = ledger.received;
  for (std::size_t i = 0; i < outcome_count; ++i) all[outcome_name(static_cast<Outcome>(i))] = ledger.buckets[i];
  return all;
}

void enter(const EngineHandle& handle) {
  if (handle.busy) throw BusyError("another thread runs a batch on this engine: an engine has one owner at a time");
}

namespace {

/// The symbol, when no batch is changing it.
const Symbol& settled(const PySymbol& self) {
  enter(*self.owner);
  return *self.symbol;
}

/// Index of a column by name or number; -1 with a Python error set.
Py_ssize_t column_index(const PySymbol& self, PyObject* key) noexcept {
  const auto count = static_cast<Py_ssize_t>(self.symbol->plan().columns().size());
  Py_ssize_t index = -1;
  if (PyLong_Check(key)) {
    int overflow = 0;
    const long long number = PyLong_AsLongLongAndOverflow(key, &overflow);
    if (overflow == 0) index = static_cast<Py_ssize_t>(number < 0 ? number + count : number);
  } else if (PyObject* const found = PyDict_GetItemWithError(self.owner->columns.ptr(), key)) {
    index = PyLong_AsSsize_t(found);
  } else if (PyErr_Occurred() != nullptr) {
    return -1;
  }
  if (index >= 0 && index < count) return index;
  PyObject* const known = PyDict_Keys(self.owner->columns.ptr());
  if (known == nullptr) return -1;
  PyErr_Format(error_class("UnknownNameError"), "no column %R; the engine has %R", key, known);
  Py_DECREF(known);
  return -1;
}

PyObject* get(PyObject* object, PyObject* key) {
  auto* const self = self_of<PySymbol>(object);
  if (self == nullptr || !enter_fast(*self->owner)) return nullptr;
  const Py_ssize_t index = column_index(*self, key);
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

PyMethodDef symbol_methods[] = {
    fast_keywords(
        "on_tick", on_tick,
        "on_tick($self, ts, price, size=0.0, side=0, id=0)\n--\n\n"
        "Take one tick and return the live row.\n\n"
        "ts: int, nanoseconds since 1970 UTC. price: above 0. size: 0 or more. side: 1 buyer took, -1 seller took,\n"
        "0 unknown. id: the venue's trade id, 0 for none. A tick that is refused leaves the row as it was and is counted\n"
        "in the ledger; `outcome` says in which bucket. The row returned is the same array each time."),
    {"__getitem__", get, METH_O | METH_COEXIST,
     "__getitem__($self, column, /)\n--\n\nOne output by column name or number, as a float."},
    {"get", get, METH_O,
     "get($self, column, /)\n--\n\nOne output by column name or number, as a float: the fastest way to read one."},
    {"values", values, METH_NOARGS,
     "values($self, /)\n--\n\nThe row as a fresh tuple of floats, in the order of the engine's columns."},
};

py::dtype bar_dtype() { return py::module_::import("fastcore.ticks").attr("BAR"); }

py::array history(const PySymbol& self, const py::handle& key) {
  enter(*self.owner);
  const Py_ssize_t column = column_index(self, key.ptr());
  if (column < 0) throw py::error_already_set();
  const Plan& plan = self.symbol->plan();
  const std::size_t clock = plan.clock_of(static_cast<std::size_t>(column));
  const History* const kept = self.symbol->history(clock);
  if (kept == nullptr)
    throw InputError("no history is kept: make the engine with history=, such as Engine(..., history=512)");
  const auto& columns = plan.clocks()[clock].columns;
  std::size_t at = 0;
  while (columns[at] != static_cast<std::size_t>(column)) ++at;
  const auto stride = static_cast<py::ssize_t>(kept->width() * sizeof(double));
  return live_view(py::dtype::of<double>(), {static_cast<py::ssize_t>(kept->size())}, {stride},
                   kept->last(kept->size()) + at, kept->block());
}

py::array bars(const PySymbol& self, const std::string& span) {
  enter(*self.owner);
  const BarHistory& kept = self.symbol->bars(self.symbol->plan().clock(span));
  return live_view(bar_dtype(), {static_cast<py::ssize_t>(kept.size())}, {sizeof(Bar)}, kept.last(kept.size()),
                   kept.block());
}

py::array revisions(const PySymbol& self, const std::string& span) {
  enter(*self.owner);
  const BarHistory* const kept = self.symbol->revisions(self.symbol->plan().clock(span));
  if (kept == nullptr)
    throw InputError("revisions: symbol '" + self.symbol->name() +
                     "' revises nothing: its policy's order is not 'revise'");
  return live_view(bar_dtype(), {static_cast<py::ssize_t>(kept->size())}, {sizeof(Bar)}, kept->last(kept->size()),
                   kept->block());
}

std::uint64_t generation(const PySymbol& self, const py::handle& key) {
  enter(*self.owner);
  const Py_ssize_t column = column_index(self, key.ptr());
  if (column < 0) throw py::error_already_set();
  const History* const kept = self.symbol->history(self.symbol->plan().clock_of(static_cast<std::size_t>(column)));
  return kept == nullptr ? 0 : kept->generation();
}

py::array_t<double> peek(const PySymbol& self, double price, double size, bool forming) {
  enter(*self.owner);
  if (!valid_price(price) || !valid_size(size)) {
    throw InputError("peek: price must be above 0 and size 0 or more, both finite, not " + plain(price) + " and " +
                     plain(size));
  }
  py::array_t<double> row(static_cast<py::ssize_t>(self.symbol->plan().columns().size()));
  self.symbol->peek(price, size, forming, row.mutable_data());
  return row;
}

py::object row_or_error(const PySymbol& self, Outcome outcome, const char* what, std::int64_t ts) {
  if (raises(*self.symbol, outcome)) {
    throw TickError(self.symbol->name() + ": " + what + " ts=" + std::to_string(ts) +
                    " refused: " + why_refused(outcome, std::string_view(what) == "bar"));
  }
  return py::reinterpret_steal<py::object>(give_row(self));
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

py::object on_bar(const PySymbol& self, const std::string& span, std::int64_t ts, double open, double high, double low,
                  double close, double volume) {
  enter(*self.owner);
  const std::size_t clock = time_clock(self.symbol->plan(), span, "on_bar");
  const Bar bar = bar_made_elsewhere(ts, open, high, low, close, volume);
  log_first(self, [&](EngineLog& log) { return log.bar(*self.symbol, span, bar); });
  if (ts < earliest_ts) throw InputError(refuse_unit(*self.symbol, "on_bar", ts));
  return row_or_error(self, self.symbol->on_bar(clock, bar), "bar", ts);
}

py::object on_quote(const PySymbol& self, std::int64_t ts, double bid, double ask, double bid_size, double ask_size) {
  enter(*self.owner);
  const Quote quote{ts, bid, ask, bid_size, ask_size};
  log_first(self, [&](EngineLog& log) { return log.quote(*self.symbol, quote); });
  if (ts < earliest_ts) throw InputError(refuse_unit(*self.symbol, "on_quote", ts));
  return row_or_error(self, self.symbol->on_quote(quote), "quote", ts);
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
          "history", &history, py::arg("column"),
          "Window over the last rows of a column, oldest first, without a copy; one row for each tick or bar of its clock.")
      .def("generation", &generation, py::arg("column"),
           "Rows written so far to the column's history: a window taken earlier is overwritten from its oldest row on.")
      .def("bars", &bars, py::arg("span"),
           "Window over the last closed bars of a span, oldest first, as an array of fc.BAR.")
      .def(
          "revisions", &revisions, py::arg("span"),
          "Window over the last bars of a span that late ticks changed, as each became, in that order: an array of fc.BAR. Needs Policy(order='revise').")
      .def(
          "forming",
          [](const PySymbol& self, const std::string& span) {
            const Bar bar = settled(self).forming(self.symbol->plan().clock(span));
            py::array one(bar_dtype(), std::vector<py::ssize_t>{}, std::vector<py::ssize_t>{}, &bar);
            return one;
          },
          py::arg("span"), "A copy of the forming bar of a span; its count is 0 when there is none.")
      .def(
          "peek", &peek, py::arg("price"), py::arg("size") = 0.0, py::kw_only(), py::arg("forming") = false,
          "The row that a tick at this price would leave, as a fresh array; nothing changes. With forming=True bar columns are shown as if the forming bars closed with it.")
      .def(
          "on_bar", &on_bar, py::arg("span"), py::arg("ts"), py::arg("open"), py::arg("high"), py::arg("low"),
          py::arg("close"), py::arg("volume") = 0.0,
          "Take one closed bar made elsewhere and return the live row. ts: start of the bar, nanoseconds since 1970 UTC.")
      .def(
          "on_time",
          [](const PySymbol& self, std::int64_t ts) {
            enter(*self.owner);
            checked_time("on_time", ts);
            log_first(self, [&](EngineLog& log) { return log.time(self.symbol.get(), ts); });
            self.symbol->on_time(ts);
          },
          py::arg("ts"),
          "Event time has come to ts (ns since 1970 UTC): time bars that end before it close, and ticks before it are late from now on.")
      .def(
          "on_gap",
          [](const PySymbol& self, const std::string& kind) {
            enter(*self.owner);
            const Gap gap = gap_named(kind);
            log_first(self, [&](EngineLog& log) { return log.gap(self.symbol.get(), gap); });
            self.symbol->on_gap(gap);
          },
          py::arg("kind"),
          "There is a gap before the next tick: 'sequence' (ticks were lost), 'silence', 'session' (it is over: bars close) or 'feed' (it is down).")
      .def_property_readonly(
          "gaps", [](const PySymbol& self) { return gaps_dict(settled(self)); },
          "How many gaps of each kind there were.")
      .def_property_readonly(
          "gap", [](const PySymbol& self) { return lasting_gaps(settled(self)); },
          "Kinds of the gaps that last: no tick has come since.")
      .def_property_readonly(
          "ready", [](const PySymbol& self) { return settled(self).ready(); },
          "Whether every column has had a value, and no gap lasts.")
      .def("on_quote", &on_quote, py::arg("ts"), py::arg("bid"), py::arg("ask"), py::arg("bid_size") = 0.0,
           py::arg("ask_size") = 0.0, "Take one quote as a tick at its mid with size 0 and return the live row.");
}

}  // namespace fastcore::python
