// What a symbol says of itself: in a session, to a notebook that completes its columns, and to whoever would make one.
#include <string>

#include "bind_engine.hpp"

namespace fastcore::python {

namespace py = pybind11;

namespace {

PyObject* refuse_to_make(PyObject*, PyObject*, PyObject*) noexcept {
  PyErr_SetString(PyExc_TypeError, "Symbol: a symbol is made by its engine, engine.symbol(name)");
  return nullptr;
}
PyMethodDef init_method = {"__init__", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(refuse_to_make)),
                           METH_VARARGS | METH_KEYWORDS, nullptr};

std::string words_of(const PySymbol& self) {
  const std::string head = "<Symbol " + self.symbol->name() + ", ";
  if (self.owner->busy) return head + "in a batch>";
  return head + std::to_string(self.symbol->ledger().received) + " ticks received>";
}

py::list completions(const py::object& self) {
  const py::object engine = self.attr("_engine");
  return engine.is_none() ? py::list() : py::list(engine.attr("columns"));
}

}  // namespace

void bind_words(py::class_<PySymbol>& type) {
  put_method(type, init_method);
  type.def("__repr__", &words_of)
      .def("_ipython_key_completions_", &completions, "What a notebook offers behind ``symbol[\"``.");
}

}  // namespace fastcore::python
