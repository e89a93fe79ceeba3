// What a symbol has kept, as arrays over its memory: rows of its columns, closed and changed bars.
#include <algorithm>
#include <string>
#include <vector>

#include "arrays.hpp"
#include "bind.hpp"
#include "bind_engine.hpp"
#include "errors.hpp"

namespace py = pybind11;

namespace fastcore::python {

namespace {

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

std::size_t bar_clock(const PySymbol& self, const char* method, const py::handle& span) {
  return self.symbol->plan().clock(to_text(span, std::string(method) + ": the span of bars"));
}

py::array bars(const PySymbol& self, const py::object& span) {
  enter(*self.owner);
  const BarHistory& kept = self.symbol->bars(bar_clock(self, "bars", span));
  return live_view(bar_dtype(), {static_cast<py::ssize_t>(kept.size())}, {sizeof(Bar)}, kept.last(kept.size()),
                   kept.block());
}

py::array revisions(const PySymbol& self, const py::object& span) {
  enter(*self.owner);
  const BarHistory* const kept = self.symbol->revisions(bar_clock(self, "revisions", span));
  if (kept == nullptr)
    throw InputError("revisions: symbol '" + self.symbol->name() +
                     "' revises nothing: its policy's order is not 'revise'");
  return live_view(bar_dtype(), {static_cast<py::ssize_t>(kept->size())}, {sizeof(Bar)}, kept->last(kept->size()),
                   kept->block());
}

py::array forming(const PySymbol& self, const py::object& span) {
  const Bar bar = settled(self).forming(bar_clock(self, "forming", span));
  return py::array(bar_dtype(), std::vector<py::ssize_t>{}, std::vector<py::ssize_t>{}, &bar);
}

py::tuple copied(const BarHistory& bars, std::size_t count) {
  const auto size = static_cast<py::ssize_t>(count);
  return py::make_tuple(py::array(bar_dtype(), {size}, {sizeof(Bar)}, bars.last(count)),
                        py::array_t<std::uint64_t>(size, bars.received(count)));
}

/// What has closed since a clock had made so many bars, of which the newest began at a time, and so many revisions:
/// both counts as they are now; then of new bars, and of revisions, the bars and the number of the tick that made each.
py::tuple closed_since(const PySymbol& self, const std::string& span, std::uint64_t made, std::int64_t newest,
                       std::uint64_t revised) {
  enter(*self.owner);
  const std::size_t clock = self.symbol->plan().clock(span);
  const auto fresh = [](const BarHistory& all, std::uint64_t known) {
    return static_cast<std::size_t>(
        std::min<std::uint64_t>(all.size(), all.generation() > known ? all.generation() - known : 0));
  };
  const BarHistory& bars = self.symbol->bars(clock);
  std::size_t count = fresh(bars, made);
  // A late tick may have put a bar among the older ones; it is a revision, and those behind it are known.
  while (count > 0 && self.symbol->by_time(clock) && bars.last(count)->ts <= newest) --count;
  const BarHistory* const anew = self.symbol->revisions(clock);
  const BarHistory none(1);
  const BarHistory& revisions = anew == nullptr ? none : *anew;
  return py::make_tuple(bars.generation(), revisions.generation(), copied(bars, count),
                        copied(revisions, fresh(revisions, revised)));
}

std::uint64_t generation(const PySymbol& self, const py::handle& key) {
  enter(*self.owner);
  const Py_ssize_t column = column_index(self, key.ptr());
  if (column < 0) throw py::error_already_set();
  const History* const kept = self.symbol->history(self.symbol->plan().clock_of(static_cast<std::size_t>(column)));
  return kept == nullptr ? 0 : kept->generation();
}

}  // namespace

void bind_views(py::class_<PySymbol>& type) {
  type.def(
          "history", &history, py::arg("column"),
          "Window over the last rows of a column, oldest first, without a copy; one row for each tick or bar of its clock.")
      .def("generation", &generation, py::arg("column"),
           "Rows written so far to the column's history: a window taken earlier is overwritten from its oldest row on.")
      .def("bars", &bars, py::arg("span"),
           "Window over the last closed bars of a span, oldest first, as an array of fc.BAR.")
      .def("_closed_since", &closed_since)
      .def(
          "revisions", &revisions, py::arg("span"),
          "Window over the last bars of a span that late ticks changed, as each became, in that order: an array of fc.BAR. Needs Policy(order='revise').")
      .def("forming", &forming, py::arg("span"),
           "A copy of the forming bar of a span; its count is 0 when there is none.");
}

}  // namespace fastcore::python
