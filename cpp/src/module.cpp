// The extension module: a table of contents.
#include "bind.hpp"
#include "errors.hpp"

PYBIND11_MODULE(FASTCORE_MODULE, m) {
  m.doc() = "The native core of fastcore.";
  m.attr("variant") = FASTCORE_VARIANT;
  fastcore::python::bind_errors();
  fastcore::python::bind_catalogue(m);
  fastcore::python::bind_indicator(m);
  fastcore::python::bind_function(m);
  fastcore::python::bind_symbol(m);
  fastcore::python::bind_journal(m);
  fastcore::python::bind_engine(m);
  fastcore::python::bind_snapshot(m);
  fastcore::python::bind_histogram(m);
  fastcore::python::bind_shm(m);
}
