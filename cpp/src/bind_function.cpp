// Users' functions: a pointer to machine code, as Numba gives it, or a Python function.
#include <algorithm>
#include <map>
#include <tuple>
#include <vector>

#include "bind.hpp"
#include "errors.hpp"
#include "fastcore/quiet_nan.hpp"
#include "fastcore/text.hpp"
#include "fastcore/user_function.hpp"

namespace py = pybind11;

namespace fastcore::python {

namespace {

/// Machine code: double (const double* inputs, double* state).
double call_code(void* context, const double* in, double* state) {
  return reinterpret_cast<double (*)(const double*, double*)>(context)(in, state);
}

/// A Python function and how it is called; it lives as long as the process, as its kernel does. The function may be
/// given up for another one, also while it runs.
struct Callable {
  py::object function;
  std::size_t inputs;
  std::size_t state;
};

/// A list of the state as numbers; none with a Python error set.
std::vector<double> numbers_of(PyObject* list, std::size_t count) {
  if (static_cast<std::size_t>(PyList_GET_SIZE(list)) != count) {
    PyErr_SetString(PyExc_ValueError, "a function must not change the length of its state");
    return {};
  }
  std::vector<double> numbers(count);
  for (std::size_t i = 0; i < count; ++i) {
    numbers[i] = PyFloat_AsDouble(PyList_GET_ITEM(list, static_cast<Py_ssize_t>(i)));
    if (PyErr_Occurred() != nullptr) return {};
  }
  return numbers;
}

/// Of what a function raised. Nobody can catch it here, so it is reported as Python does then; but Ctrl-C is for the
/// program: the interrupt comes again where the engine's call ends, or a batch looks for signals.
void report(PyObject* function) noexcept {
  if (PyErr_ExceptionMatches(PyExc_KeyboardInterrupt) != 0) {
    PyErr_Clear();
    PyErr_SetInterrupt();
  } else {
    PyErr_WriteUnraisable(function);
  }
}

/// How deep functions are in one another on this thread. One that calls itself without end through an indicator of its
/// own would run out of stack long before Python has counted a thousand calls: each takes some 30 kB here.
class Level {
 public:
  static constexpr int most = 16;

  Level() noexcept { ++depth; }
  ~Level() { --depth; }
  Level(const Level&) = delete;
  Level& operator=(const Level&) = delete;
  bool too_deep() const noexcept { return depth > most; }

 private:
  static thread_local int depth;
};

thread_local int Level::depth = 0;

/// With the GIL, which a batch has given up. The function gets its state as a list of its own, so that nothing dangles
/// when it keeps it; what it raises is reported as Python does where nobody can catch it, and then the state stays.
double call_python(void* context, const double* in, double* state) {
  const auto& self = *static_cast<const Callable*>(context);
  const py::gil_scoped_acquire gil;
  const py::object function = self.function;
  const Level level;
  if (level.too_deep()) {
    PyErr_Format(PyExc_RecursionError, "functions call one another through indicators more than %d deep", Level::most);
    report(function.ptr());
    return quiet_nan;
  }
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
  const auto returned = py::reinterpret_steal<py::object>(PyObject_Vectorcall(function.ptr(), args, count, nullptr));
  const double value = returned ? PyFloat_AsDouble(returned.ptr()) : quiet_nan;
  std::vector<double> numbers;
  if (PyErr_Occurred() == nullptr && self.state > 0) numbers = numbers_of(args[self.inputs], self.state);
  if (PyErr_Occurred() != nullptr) {
    report(function.ptr());
    return quiet_nan;
  }
  std::copy(numbers.begin(), numbers.end(), state);
  return value;
}

/// What is called of each name, until the process ends.
Callable& callable_of(const std::string& name, std::size_t inputs, std::size_t state) {
  static auto& all = *new std::map<std::tuple<std::string, std::size_t, std::size_t>, Callable>;
  return all.try_emplace({name, inputs, state}, Callable{py::none(), inputs, state}).first->second;
}

void define_function(const std::string& name, std::size_t inputs, std::int64_t state, int warmup,
                     const py::object& function, const py::int_& address) {
  try {
    if (state < 0)
      throw FunctionError("function " + quoted(name) + ": state must not be negative, as " + std::to_string(state));
    const auto numbers = static_cast<std::size_t>(state);
    Callable& callable = callable_of(name, inputs, numbers);
    if (void* const code = PyLong_AsVoidPtr(address.ptr()); code != nullptr) {
      define({name, inputs, numbers, warmup, call_code, code});
    } else {
      define({name, inputs, numbers, warmup, call_python, &callable});
    }
    callable.function = function;  // of machine code, too, which goes with its object
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
