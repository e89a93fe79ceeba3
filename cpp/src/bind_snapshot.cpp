// Snapshots and journals as such in Python: where two of them part.
#include <pybind11/stl.h>

#include "bind.hpp"
#include "fastcore/engine/snapshot_diff.hpp"
#include "fastcore/journal/diff.hpp"

namespace py = pybind11;

namespace fastcore::python {

namespace {

/// None, or symbol, indicator, field, both values, and the symbol's ticks and last time on each side.
py::object difference(const py::bytes& a, const py::bytes& b) {
  const auto found = snapshot_difference(std::string_view(a), std::string_view(b));
  if (!found) return py::none();
  return py::make_tuple(found->symbol, found->indicator, found->field, found->a, found->b,
                        py::make_tuple(found->ticks_a.received, found->ticks_a.last_ts),
                        py::make_tuple(found->ticks_b.received, found->ticks_b.last_ts));
}

/// None, or the ticks before, the time, symbol, field and both values.
py::object difference_of_journals(const std::string& a, const std::string& b) {
  std::optional<JournalDifference> found;
  {
    const py::gil_scoped_release release;
    found = journal_difference(a, b);
  }
  if (!found) return py::none();
  return py::make_tuple(found->tick, found->ts, found->symbol, found->field, found->a, found->b);
}

}  // namespace

void bind_snapshot(py::module_& m) {
  m.def("snapshot_difference", &difference);
  m.def("journal_difference", &difference_of_journals);
}

}  // namespace fastcore::python
