// The base class of fc.SMA and all others. One class serves them all: what differs is the kernel.
#include <array>
#include <memory>

#include "arrays.hpp"
#include "bind.hpp"
#include "errors.hpp"
#include "fastcall.hpp"
#include "fastcore/catalogue.hpp"

namespace py = pybind11;

namespace fastcore::python {

namespace {

/// Named tuple types by kernel; they live as long as the process.
py::dict& row_types() {
  static auto* const types = new py::dict();
  return *types;
}

bool enter(const PyIndicator& self) noexcept {
  if (!self.busy) return true;
  PyErr_Format(error_class("BusyError"), "%s: another thread runs a batch on this indicator",
               self.indicator.kernel().name);
  return false;
}

/// A float, or a named tuple of floats; a new reference, null with a Python error set.
PyObject* result(const PyIndicator& self, const double* values) noexcept {
  if (self.row_type == nullptr) return PyFloat_FromDouble(values[0]);
  const auto count = static_cast<Py_ssize_t>(self.indicator.kernel().output_count);
  auto* const type = reinterpret_cast<PyTypeObject*>(self.row_type);
  PyObject* const row = type->tp_alloc(type, count);
  if (row == nullptr) return nullptr;
  for (Py_ssize_t k = 0; k < count; ++k) {
    PyObject* const value = PyFloat_FromDouble(values[k]);
    if (value == nullptr) {
      Py_DECREF(row);
      return nullptr;
    }
    PyTuple_SET_ITEM(row, k, value);
  }
  return row;
}

bool read_row(const PyIndicator& self, const char* method, PyObject* const* args, Py_ssize_t count,
              double* in) noexcept {
  const Kernel& kernel = self.indicator.kernel();
  if (static_cast<std::size_t>(count) != kernel.input_count) {
    std::string names;
    for (std::size_t k = 0; k < kernel.input_count; ++k) names += (k == 0 ? "" : ", ") + std::string(kernel.inputs[k]);
    PyErr_Format(PyExc_TypeError, "%s.%s takes %zu value%s (%s), not %zd", kernel.name, method, kernel.input_count,
                 kernel.input_count == 1 ? "" : "s", names.c_str(), count);
    return false;
  }
  for (std::size_t k = 0; k < kernel.input_count; ++k) {
    if (!to_double(args[k], in[k], kernel.name, method, kernel.inputs[k])) return false;
  }
  return true;
}

PyObject* update(PyObject* object, PyObject* const* args, Py_ssize_t count) {
  auto* const self = self_of<PyIndicator>(object);
  double in[max_inputs];
  if (self == nullptr || !enter(*self) || !read_row(*self, "update", args, count, in)) return nullptr;
  return result(*self, self->indicator.update(in));
}
PyObject* peek(PyObject* object, PyObject* const* args, Py_ssize_t count) {
  auto* const self = self_of<PyIndicator>(object);
  double in[max_inputs];
  double out[max_outputs];
  if (self == nullptr || !enter(*self) || !read_row(*self, "peek", args, count, in)) return nullptr;
  self->indicator.peek(in, out);
  return result(*self, out);
}
// One input: METH_O saves the argument array, 2 to 4 ns.
PyObject* update_one(PyObject* object, PyObject* value) { return update(object, &value, 1); }
PyObject* peek_one(PyObject* object, PyObject* value) { return peek(object, &value, 1); }

/// The methods of one class, with its own inputs in the docstring. Python keeps pointers to these.
struct Methods {
  explicit Methods(const Kernel& kernel) {
    std::string inputs;
    for (std::size_t k = 0; k < kernel.input_count; ++k) inputs += std::string(kernel.inputs[k]) + ", ";
    update_doc = "update($self, " + inputs +
                 "/)\n--\n\nCommit one row of inputs (numbers) and return the outputs; NaN while warming up.";
    peek_doc = "peek($self, " + inputs + "/)\n--\n\nWhat `update` would return; the state stays as it is.";
    if (kernel.input_count == 1) {
      defs = {PyMethodDef{"update", update_one, METH_O, update_doc.c_str()},
              PyMethodDef{"peek", peek_one, METH_O, peek_doc.c_str()}};
    } else {
      defs = {fast("update", update, update_doc.c_str()), fast("peek", peek, peek_doc.c_str())};
    }
  }
  std::string update_doc;
  std::string peek_doc;
  std::array<PyMethodDef, 2> defs;
};

const Kernel& kernel_named(const std::string& name) {
  const Kernel* const kernel = find_kernel(name);
  if (kernel == nullptr) throw UnknownName("no indicator is named '" + name + "'");
  return *kernel;
}

void attach(PyIndicator& self) {
  const py::str name(self.indicator.kernel().name);
  self.row_type = row_types().contains(name) ? py::handle(row_types()[name]).ptr() : nullptr;
}

std::unique_ptr<PyIndicator> make(const std::string& name, const py::sequence& values) {
  const Kernel& kernel = kernel_named(name);
  if (values.size() != kernel.param_count)
    throw InputError(name + " takes " + std::to_string(kernel.param_count) + " parameters");
  ParamValues params{};
  for (std::size_t i = 0; i < kernel.param_count; ++i) {
    const py::object value = values[i];
    params[i] = PyFloat_AsDouble(value.ptr());
    if (PyErr_Occurred() != nullptr) {  // a whole number beyond every float
      PyErr_Clear();
      const ParamInfo& p = kernel.params[i];
      throw ParameterError(name + "." + p.name + " must be a number from " + plain(p.least) + " to " + plain(p.most) +
                           ", not " + shown(value));
    }
  }
  auto self = std::make_unique<PyIndicator>(Indicator(kernel, params));
  attach(*self);
  return self;
}

std::unique_ptr<PyIndicator> restore(const py::bytes& bytes, const std::string& clock,
                                     const std::vector<std::string>& parents) {
  auto self = std::make_unique<PyIndicator>(Indicator::restore(std::string_view(bytes)));
  self->clock = clock;
  self->parents = parents;
  attach(*self);
  return self;
}

/// Columns in, columns out: a list of arrays, one for each output.
py::list batch(PyIndicator& self, const py::args& values) {
  const Kernel& kernel = self.indicator.kernel();
  const std::string where = std::string(kernel.name) + ".batch";
  if (values.size() != kernel.input_count) {
    std::string names;
    for (std::size_t k = 0; k < kernel.input_count; ++k) names += (k == 0 ? "" : ", ") + std::string(kernel.inputs[k]);
    throw WrongType(where + " takes " + std::to_string(kernel.input_count) + " arrays (" + names + "), not " +
                    std::to_string(values.size()));
  }
  std::vector<Column> columns;
  std::array<const double*, max_inputs> in{};
  for (std::size_t k = 0; k < kernel.input_count; ++k) {
    columns.push_back(to_column(values[k], where, kernel.inputs[k]));
    in[k] = columns[k].data();
    if (columns[k].size() != columns[0].size()) {
      throw InputError(where + ": " + kernel.inputs[k] + " has " + std::to_string(columns[k].size()) + " rows, " +
                       kernel.inputs[0] + " has " + std::to_string(columns[0].size()));
    }
  }
  const auto rows = static_cast<std::size_t>(columns[0].size());
  py::list results;
  std::array<double*, max_outputs> out{};
  for (std::size_t k = 0; k < kernel.output_count; ++k) {
    py::array_t<double> column(static_cast<py::ssize_t>(rows));
    out[k] = column.mutable_data();
    results.append(std::move(column));
  }
  if (!enter(self)) throw py::error_already_set();
  // Giving the GIL up and taking it back costs 49 ns: not worth it for what takes microseconds.
  constexpr std::size_t worth_releasing = 4096;
  if (rows < worth_releasing) {
    self.indicator.run(in.data(), out.data(), rows);
  } else {
    self.busy = true;
    const py::gil_scoped_release release;
    self.indicator.run(in.data(), out.data(), rows);
    self.busy = false;
  }
  return results;
}

}  // namespace

void bind_indicator(py::module_& m) {
  py::class_<PyIndicator>(m, "Indicator", "One indicator and its state; the base of every class in the catalogue.")
      .def(py::init(&make), py::arg("name"), py::arg("params"))
      .def(py::init(&restore), py::arg("snapshot"), py::arg("clock"), py::arg("parents"))
      .def("_batch", &batch)
      .def("_snapshot",
           [](const PyIndicator& self) {
             if (!enter(self)) throw py::error_already_set();
             return py::bytes(self.indicator.snapshot());
           })
      .def_property_readonly("_name", [](const PyIndicator& self) { return self.indicator.kernel().name; })
      .def(
          "reset",
          [](PyIndicator& self) {
            if (!enter(self)) throw py::error_already_set();
            self.indicator.reset();
          },
          "Forget all values: as a new one.")
      .def_property_readonly(
          "value",
          [](const PyIndicator& self) {
            return py::reinterpret_steal<py::object>(result(self, self.indicator.value()));
          },
          "What the last `update` returned; NaN before the first.")
      .def_property_readonly(
          "ready", [](const PyIndicator& self) { return self.indicator.ready(); }, "Whether all outputs are there.")
      .def_property_readonly(
          "warmup", [](const PyIndicator& self) { return self.indicator.warmup(); },
          "Rows until all outputs are there: TA-Lib's lookback + 1.")
      .def_property_readonly(
          "clock", [](const PyIndicator& self) { return self.clock; }, "Bar spec given to `on`; empty for ticks.")
      .def_property_readonly(
          "parents", [](const PyIndicator& self) { return py::tuple(py::cast(self.parents)); },
          "Columns given to `of`.")
      .def("_place",
           [](PyIndicator& self, const py::object& clock, const py::list& parents) {
             const std::string name = self.indicator.kernel().name;
             std::vector<std::string> all;
             all.reserve(parents.size());
             for (const py::handle& parent : parents) all.push_back(to_text(parent, name + ".of: a column"));
             self.clock = to_text(clock, name + ".on: the span of bars");
             self.parents = std::move(all);
           })
      .def("_param", [](const PyIndicator& self, std::size_t i) -> py::object {
        const ParamInfo& info = self.indicator.kernel().params[i];
        const double value = self.indicator.params()[i];
        if (info.whole) return py::int_(static_cast<long long>(value));
        return py::float_(value);
      });
  m.def(
      "install",
      [](const py::type& type, const std::string& name, const py::object& row_type) {
        const Kernel& kernel = kernel_named(name);
        if (!row_type.is_none()) row_types()[py::str(name)] = row_type;
        auto* const methods = new Methods(kernel);  // the type keeps pointers to it, and lives as long as the process
        for (PyMethodDef& def : methods->defs) put_method(type, def);
      },
      "Give a subclass of Indicator the fast methods and the result type of its kernel.");
}

}  // namespace fastcore::python
