// Snapshots as such in Python: where two of them part.
#include <pybind11/stl.h>

#include "bind.hpp"
#include "fastcore/engine/snapshot_diff.hpp"

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

}  // namespace

void bind_snapshot(py::module_& m) { m.def("snapshot_difference", &difference); }

}  // namespace fastcore::python
