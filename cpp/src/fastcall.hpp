// The few calls that run at every tick go around pybind11's dispatcher: a PyMethodDef put on the bound
// type by PyDescr_NewMethod, which still checks `self`. In a Python loop a pybind11 method of three
// arguments costs 82 ns, such a method 18 to 20 (bench `call/floor`).
#pragma once

#include <Python.h>
#include <pybind11/pybind11.h>

#include <string>

namespace fastcore::python {

/// The C++ object behind an instance of a type bound without multiple inheritance; null with a
/// Python error set when its __init__ never ran.
template <class T>
T* self_of(PyObject* self) noexcept {
  auto* const instance = reinterpret_cast<pybind11::detail::instance*>(self);
  auto* const object = instance->simple_layout ? static_cast<T*>(instance->simple_value_holder[0]) : nullptr;
  if (object == nullptr) PyErr_Format(PyExc_TypeError, "%s.__init__() was not called", Py_TYPE(self)->tp_name);
  return object;
}

/// For a type_caster: a bound object whose __init__ never ran has no C++ object, and pybind11 would make
/// one of raw memory for it.
inline void require_made(pybind11::handle object) {
  auto* const type = Py_TYPE(object.ptr());
  if (pybind11::detail::get_type_info(type) == nullptr) return;  // another kind of object: the caster says so
  auto* const instance = reinterpret_cast<pybind11::detail::instance*>(object.ptr());
  if (instance->simple_layout && instance->simple_value_holder[0] == nullptr) {
    throw pybind11::type_error(std::string(type->tp_name) + ".__init__() was not called");
  }
}

/// Puts a method on a type; `def` must outlive it.
inline void put_method(pybind11::handle type, PyMethodDef& def) {
  auto* const owner = reinterpret_cast<PyTypeObject*>(type.ptr());
  const auto method = pybind11::reinterpret_steal<pybind11::object>(PyDescr_NewMethod(owner, &def));
  if (!method || PyObject_SetAttrString(type.ptr(), def.ml_name, method.ptr()) != 0)
    throw pybind11::error_already_set();
}

using FastMethod = PyObject* (*)(PyObject*, PyObject* const*, Py_ssize_t);
using FastKeywordMethod = PyObject* (*)(PyObject*, PyObject* const*, Py_ssize_t, PyObject*);

inline PyMethodDef fast(const char* name, FastMethod method, const char* doc) {
  return {name, reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(method)), METH_FASTCALL, doc};
}
inline PyMethodDef fast_keywords(const char* name, FastKeywordMethod method, const char* doc) {
  return {name, reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(method)), METH_FASTCALL | METH_KEYWORDS,
          doc};
}

/// A number from a Python object, as float() takes it but for text; false with a Python error set that
/// names it: "SMA.update: close must be a number, not 'x'".
inline bool to_double(PyObject* value, double& out, const char* owner, const char* method, const char* name) noexcept {
  if (PyFloat_CheckExact(value)) {
    out = PyFloat_AS_DOUBLE(value);
    return true;
  }
  out = PyFloat_AsDouble(value);
  if (out == -1.0 && PyErr_Occurred() != nullptr) {
    const bool wrong_kind = PyErr_ExceptionMatches(PyExc_TypeError) != 0;
    PyErr_Clear();
    PyErr_Format(wrong_kind ? PyExc_TypeError : PyExc_ValueError, "%s.%s: %s must be a number, not %R", owner, method,
                 name, value);
    return false;
  }
  return true;
}

}  // namespace fastcore::python
