// What the files that bind shared memory offer to each other.
#pragma once

#include <pybind11/pybind11.h>

namespace fastcore::python {

void bind_ring_reader(pybind11::module_& m);

}  // namespace fastcore::python
