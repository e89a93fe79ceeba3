// Batches in Python: ticks of many symbols by one array, bars of many symbols by one call.
#include <algorithm>
#include <chrono>
#include <set>

#include "arrays.hpp"
#include "bind_engine.hpp"
#include "errors.hpp"

namespace py = pybind11;

namespace fastcore::python {

namespace {

std::vector<std::string> to_names(const py::object& names, const char* method) {
  std::vector<std::string> all;
  for (const py::handle& name : py::cast<py::list>(names))
    all.push_back(to_text(name, std::string(method) + ": the name of a symbol"));
  return all;
}

/// Throws unless the first tick has a symbol: the rest will not have, either.
void check_first(const Engine& engine, const py::object& names, const Tick* ticks, std::size_t count) {
  const std::size_t known = names.is_none() ? engine.symbols().size() : py::len(names);
  if (count == 0 || ticks[0].symbol < known) return;
  throw InputError("on_ticks: the first tick has symbol=" + std::to_string(ticks[0].symbol) + ", but " +
                   (names.is_none() ? "the engine has " : "symbols= has ") + std::to_string(known) +
                   (known == 1 ? " symbol" : " symbols") +
                   ": give the names that the field indexes, on_ticks(ticks, symbols=[...])");
}

/// The symbols that the batch names, made where they are new; null where there is no room for one.
std::vector<Symbol*> table_of(Engine& engine, const py::object& names, const Tick* ticks, std::size_t count) {
  std::vector<Symbol*> table;
  if (names.is_none()) {
    for (const auto& one : engine.symbols()) table.push_back(one.get());
    return table;
  }
  const std::vector<std::string> all = to_names(names, "on_ticks");
  std::vector<bool> used(all.size());
  for (std::size_t i = 0; i < count; ++i) {
    if (ticks[i].symbol < all.size()) used[ticks[i].symbol] = true;
  }
  for (std::size_t k = 0; k < all.size(); ++k) {
    if (!used[k]) {
      table.push_back(nullptr);
      continue;
    }
    const auto& options = engine.options();
    const bool room =
        options.max_symbols == 0 || engine.symbols().size() < options.max_symbols || engine.find(all[k]) != nullptr;
    table.push_back(room ? engine.symbol(all[k]).get() : nullptr);
  }
  return table;
}

struct Batch {
  const Tick* ticks;
  std::size_t count;
  const std::vector<Symbol*>& table;
  double* rows;            // null where not wanted
  std::uint8_t* outcomes;  // null where not wanted
};

bool in_main_thread() {
  const py::object main = py::module_::import("threading").attr("main_thread")();
  return py::cast<unsigned long>(main.attr("ident")) == PyThread_get_thread_ident();
}

/// Takes a batch without the GIL. A long one takes it back every 100 ms, in the thread that hears of signals, so
/// that Ctrl-C ends it between two ticks; what has been taken is counted then, the rest was never received.
std::size_t run_batch(EngineHandle& handle, const Batch& batch) {
  using Time = std::chrono::steady_clock;
  // Ticks between two looks at the clock; a journal syncs with each piece.
  const std::size_t piece = handle.engine->log() == nullptr ? 512 : 65'536;
  const Entered entered(handle);
  const std::size_t width = handle.engine->plan().columns().size();
  std::size_t accepted = 0;
  std::size_t at = 0;
  bool heard = true;  // whether this thread may hear of a signal
  for (bool first = true; at < batch.count; first = false) {
    if (!first && heard) {
      if (PyErr_CheckSignals() != 0) throw py::error_already_set();
      heard = in_main_thread();
    }
    const py::gil_scoped_release release;
    const auto pause = Time::now() + std::chrono::milliseconds(100);
    do {
      const std::size_t count = std::min(piece, batch.count - at);
      accepted += handle.engine->on_ticks(batch.ticks + at, count, batch.table,
                                          batch.rows == nullptr ? nullptr : batch.rows + at * width,
                                          batch.outcomes == nullptr ? nullptr : batch.outcomes + at);
      at += count;
    } while (at < batch.count && (!heard || Time::now() < pause));
  }
  return accepted;
}

/// Where the row after each tick goes: nowhere for False, a fresh array for True, or the first rows of one that
/// is given, whose memory is used again: a fresh one of some MB is new memory of the system's at each batch.
py::array_t<double> rows_for(const py::object& asked, py::ssize_t count, py::ssize_t width) {
  if (asked.is(py::bool_(true))) return py::array_t<double>(std::vector<py::ssize_t>{count, width});
  if (asked.is(py::bool_(false))) return py::array_t<double>(std::vector<py::ssize_t>{0, width});
  if (!py::isinstance<py::array_t<double, py::array::c_style>>(asked))
    throw InputError("on_ticks: rows are written to a contiguous array of float64");
  const auto whole = py::reinterpret_borrow<py::array_t<double>>(asked);
  if (whole.ndim() != 2 || whole.shape(0) < count || whole.shape(1) != width || !whole.writeable())
    throw InputError("on_ticks: rows are written to an array that has room for them");
  return py::reinterpret_borrow<py::array_t<double>>(whole[py::slice(0, count, 1)]);
}

py::object on_ticks(PyEngine& self, const py::array& ticks, const py::object& names, const py::object& into,
                    bool outcomes) {
  Engine& engine = self.engine();
  if (ticks.ndim() != 1 || ticks.itemsize() != static_cast<py::ssize_t>(sizeof(Tick)) ||
      (ticks.flags() & py::array::c_style) == 0) {
    throw InputError("on_ticks: ticks must be a one-dimensional, contiguous array of fastcore.TICK");
  }
  const auto count = static_cast<std::size_t>(ticks.shape(0));
  const auto* const first = static_cast<const Tick*>(ticks.data());
  check_first(engine, names, first, count);
  const std::vector<Symbol*> table = table_of(engine, names, first, count);
  const auto width = static_cast<py::ssize_t>(engine.plan().columns().size());
  const bool all_rows = !into.is(py::bool_(false));
  py::array_t<double> rows = rows_for(into, ticks.shape(0), width);
  py::array_t<std::uint8_t> buckets(outcomes ? ticks.shape(0) : 0);
  double* const row = all_rows ? rows.mutable_data() : nullptr;
  std::uint8_t* const bucket = outcomes ? buckets.mutable_data() : nullptr;
  const std::size_t accepted = run_batch(*self.handle, {first, count, table, row, bucket});
  if (all_rows && outcomes) return py::make_tuple(rows, buckets);
  if (all_rows) return std::move(rows);
  if (outcomes) return std::move(buckets);
  return py::int_(accepted);
}

/// Throws where the names would make more symbols than there is room for.
void check_room(const Engine& engine, const std::vector<std::string>& names) {
  const std::size_t room = engine.options().max_symbols;
  if (room == 0) return;
  const std::set<std::string> distinct(names.begin(), names.end());
  const auto fresh = static_cast<std::size_t>(
      std::count_if(distinct.begin(), distinct.end(), [&](const std::string& n) { return engine.find(n) == nullptr; }));
  if (engine.symbols().size() + fresh <= room) return;
  throw CapacityError("on_bars names " + std::to_string(fresh) + " new symbols beside " +
                      std::to_string(engine.symbols().size()) + ", but max_symbols is " + std::to_string(room));
}

/// One bar for many symbols, arrays by symbol; without names for all that there are. Returns how many were taken.
std::size_t on_bars(PyEngine& self, const py::object& span, std::int64_t ts, const py::object& given,
                    const py::list& values) {
  Engine& engine = self.engine();
  const std::size_t clock = time_clock(engine.plan(), to_text(span, "on_bars: the span of bars"), "on_bars");
  const std::vector<std::string> names = given.is_none() ? std::vector<std::string>() : to_names(given, "on_bars");
  const std::size_t count = given.is_none() ? engine.symbols().size() : names.size();
  if (ts < earliest_ts)
    throw InputError("on_bars: ts=" + std::to_string(ts) +
                     " must be nanoseconds since 1970 UTC, the start of the bars");
  static constexpr const char* fields[5] = {"open", "high", "low", "close", "volume"};
  std::vector<Column> columns;
  for (std::size_t k = 0; k < 5; ++k) {
    if (k == 4 && values[k].is_none()) {
      columns.emplace_back(static_cast<py::ssize_t>(count));
      std::fill_n(columns[k].mutable_data(), count, 0.0);
      continue;
    }
    columns.push_back(to_column(values[k], "on_bars", fields[k]));
    if (static_cast<std::size_t>(columns[k].size()) != count) {
      throw InputError(std::string("on_bars: ") + fields[k] + " has " + std::to_string(columns[k].size()) +
                       " values for " + std::to_string(count) + " symbols");
    }
  }
  check_room(engine, names);
  const CrossSection bars{
      ts, columns[0].data(), columns[1].data(), columns[2].data(), columns[3].data(), columns[4].data()};
  if (given.is_none()) return engine.on_bars(clock, bars);
  std::vector<Symbol*> symbols;
  symbols.reserve(count);
  for (const std::string& name : names) symbols.push_back(engine.symbol(name).get());
  return engine.on_bars(clock, symbols, bars);
}

/// A column as nearly every caller has it, of so many; null for any other.
const double* plain_column(PyObject* value, PyObject* doubles, std::size_t count) {
  constexpr int flags = py::detail::npy_api::NPY_ARRAY_C_CONTIGUOUS_ | py::detail::npy_api::NPY_ARRAY_ALIGNED_;
  if (Py_TYPE(value) != py::detail::npy_api::get().PyArray_Type_) return nullptr;
  const auto* const array = py::detail::array_proxy(value);
  if (array->descr != doubles || array->nd != 1 || (array->flags & flags) != flags ||
      static_cast<std::size_t>(array->dimensions[0]) != count)
    return nullptr;
  return reinterpret_cast<const double*>(array->data);
}

/// A bar for all symbols, given as it mostly is, to an engine that has them in columns: without names, conversions and
/// pybind11, which take 1.5 us (bench `on_bars.recursive`). None where something is otherwise, and nothing has
/// happened.
PyObject* on_plain_bars(PyObject* object, PyObject* const* args, Py_ssize_t given, PyObject* keywords) {
  auto* const self = self_of<PyEngine>(object);
  if (self == nullptr) return nullptr;
  EngineHandle& handle = *self->handle;
  const Engine& engine = *handle.engine;
  const auto count = engine.symbols().size();
  if (given != 7 || keywords != nullptr || handle.busy || PyUnicode_CheckExact(args[0]) == 0 ||
      PyLong_CheckExact(args[1]) == 0)
    Py_RETURN_NONE;
  const std::vector<Clock>& clocks = engine.plan().clocks();
  std::size_t clock = 1;
  while (clock < clocks.size() && PyUnicode_CompareWithASCIIString(args[0], clocks[clock].text.c_str()) != 0) ++clock;
  if (clock == clocks.size()) Py_RETURN_NONE;
  int overflow = 0;
  CrossSection bars{PyLong_AsLongLongAndOverflow(args[1], &overflow), nullptr, nullptr, nullptr, nullptr, nullptr};
  if (overflow != 0 || bars.ts < earliest_ts) Py_RETURN_NONE;
  static PyObject* const doubles = py::dtype::of<double>().release().ptr();
  const double** const columns[] = {&bars.open, &bars.high, &bars.low, &bars.close, &bars.volume};
  for (std::size_t k = 0; k < std::size(columns); ++k) {
    *columns[k] = plain_column(args[2 + k], doubles, count);
    if (*columns[k] == nullptr) Py_RETURN_NONE;
  }
  const Entered entered(handle);
  if (!handle.engine->on_plain_bars(clock, bars)) Py_RETURN_NONE;
  return PyLong_FromSize_t(count);
}
PyMethodDef plain_bars_method = fast_keywords("_on_plain_bars", translated<on_plain_bars>, nullptr);

}  // namespace

void bind_batches(py::class_<PyEngine>& type) {
  type.def("_on_ticks", &on_ticks).def("_on_bars", &on_bars);
  put_method(type, plain_bars_method);
}

}  // namespace fastcore::python
