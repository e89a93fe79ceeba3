// Users' functions: a pointer to machine code, as Numba gives it, or a Python function.
#include <algorithm>

#include "bind.hpp"
#include "errors.hpp"
#include "fastcore/quiet_nan.hpp"
#include "fastcore/user_function.hpp"

namespace py = pybind11;

namespace fastcore::python {

namespace {

/// Machine code: double (const double* inputs, double* state).
double call_code(void* context, const double* in, double* state) {
  return reinterpret_cast<double (*)(const double*, double*)>(context)(in, state);
}

/// A Python function and how it is called; it lives as long as the process, as its kernel does.
struct Callable {
  PyObject* function;
  std::size_t inputs;
  std::size_t state;
};

/// Reads a list of the state back; false with a Python error set.
bool read_state(PyObject* list, std::size_t count, double* numbers) noexcept {
  if (static_cast<std::size_t>(PyList_GET_SIZE(list)) != count) {
    PyErr_SetString(PyExc_ValueError, "a function must not change the length of its state");
    return false;
  }
  for (std::size_t i = 0; i < count; ++i) {
    numbers[i] = PyFloat_AsDouble(PyList_GET_ITEM(list, static_cast<Py_ssize_t>(i)));
    if (PyErr_Occurred() != nullptr) return false;
  }
  return true;
}

/// With the GIL, which a batch has given up. The function gets its state as a list of its own, so that nothing dangles
/// when it keeps it; what it raises is reported as Python does where nobody can catch it, and then the state stays.
double call_python(void* context, const double* in, double* state) {
  const auto& self = *static_cast<const Callable*>(context);
  const py::gil_scoped_acquire gil;
  py::object held[max_inputs + 1];
  PyObject* args[max_inputs + 1];
  for (std::size_t k = 0; k < self.inputs; ++k) held[k] = py::reinterpret_steal<py::object>(PyFloat_FromDouble(in[k]));
  if (self.state > 0) {
    PyObject* const list = PyList_New(static_cast<Py_ssize_t>(self.state));
    for (std::size_t i = 0; i < self.state; ++i)
      PyList_SET_ITEM(list, static_cast<Py_ssize_t>(i), PyFloat_FromDouble(state[i]));
    held[self.inputs] = py::reinterpret_steal<py::object>(list);
  }
  const std::size_t count = self.inputs + (self.state > 0 ? 1 : 0);
  for (std::size_t k = 0; k < count; ++k) args[k] = held[k].ptr();
  const auto returned = py::reinterpret_steal<py::object>(PyObject_Vectorcall(self.function, args, count, nullptr));
  const double value = returned ? PyFloat_AsDouble(returned.ptr()) : quiet_nan;
  double numbers[most_function_state];
  if (PyErr_Occurred() != nullptr || (self.state > 0 && !read_state(args[self.inputs], self.state, numbers))) {
    PyErr_WriteUnraisable(self.function);
    return quiet_nan;
  }
  std::copy_n(numbers, self.state, state);
  return value;
}

void define_function(const std::string& name, std::size_t inputs, std::size_t state, int warmup,
                     const py::object& function, const py::int_& address) {
  UserFunction made{name, inputs, state, warmup, call_code, PyLong_AsVoidPtr(address.ptr())};
  if (made.context == nullptr) {
    made.call = call_python;
    made.context = new Callable{py::object(function).release().ptr(), inputs, state};
  }
  try {
    define(made);
  } catch (const FunctionError& error) {
    PyErr_SetString(error_class("PlanError"), error.what());
    throw py::error_already_set();
  }
}

}  // namespace

void bind_function(py::module_& m) {
  m.def("define", &define_function, py::arg("name"), py::arg("inputs"), py::arg("state"), py::arg("warmup"),
        py::arg("function"), py::arg("address"), "Make an indicator of a Python function, or of machine code.");
}

}  // namespace fastcore::python
