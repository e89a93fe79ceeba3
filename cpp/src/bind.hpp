// What each binding file offers to module.cpp.
#pragma once

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <string>
#include <vector>

#include "fastcall.hpp"
#include "fastcore/indicator.hpp"

namespace fastcore::python {

void bind_catalogue(pybind11::module_& m);
void bind_indicator(pybind11::module_& m);
void bind_function(pybind11::module_& m);
void bind_symbol(pybind11::module_& m);
void bind_engine(pybind11::module_& m);
void bind_journal(pybind11::module_& m);
void bind_snapshot(pybind11::module_& m);
void bind_histogram(pybind11::module_& m);
void bind_shm(pybind11::module_& m);

/// An indicator as Python holds it: with the clock and the parents that a plan gives it.
struct PyIndicator {
  explicit PyIndicator(Indicator body) : indicator(std::move(body)) {}
  Indicator indicator;
  std::string clock;
  std::vector<std::string> parents;
  PyObject* row_type = nullptr;  // named tuple of the outputs, kept by its class; null for one output
  bool busy = false;             // a batch runs without the GIL
};

}  // namespace fastcore::python

template <>
struct pybind11::detail::type_caster<fastcore::python::PyIndicator>
    : pybind11::detail::type_caster_base<fastcore::python::PyIndicator> {
  bool load(handle source, bool convert) {
    fastcore::python::require_made(source);
    return type_caster_base::load(source, convert);
  }
};
