// The few calls that run at every tick go around pybind11's dispatcher: a PyMethodDef put on the bound
// type by PyDescr_NewMethod, which still checks `self`. In a Python loop a pybind11 method of three
// arguments costs 82 ns, such a method 18 to 20 (bench `call/floor`).
#pragma once

#include <Python.h>
#include <pybind11/pybind11.h>

#include <array>
#include <string>

#include "errors.hpp"

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

/// A value as error messages show it: its repr, of which a long one is cut. A new reference.
inline PyObject* shown(PyObject* value) noexcept {
  constexpr Py_ssize_t most = 120;
  PyObject* const text = PyObject_Repr(value);
  if (text == nullptr) {  // such as a whole number of ten thousand digits
    PyErr_Clear();
    return PyUnicode_FromFormat("<%s>", Py_TYPE(value)->tp_name);
  }
  const Py_ssize_t length = PyUnicode_GET_LENGTH(text);
  if (length <= most) return text;
  PyObject* const head = PyUnicode_Substring(text, 0, most / 2);
  Py_DECREF(text);
  PyObject* const cut = head == nullptr ? nullptr : PyUnicode_FromFormat("%U... (%zd characters)", head, length);
  Py_XDECREF(head);
  return cut;
}
inline std::string shown(pybind11::handle value) {
  const auto text = pybind11::reinterpret_steal<pybind11::object>(shown(value.ptr()));
  if (!text) throw pybind11::error_already_set();
  return pybind11::cast<std::string>(text);
}

/// Sets an error whose sentence ends with a value: "SMA.update: close must be a number, not 'x'".
inline void refuse_value(PyObject* kind, const std::string& before, PyObject* value) noexcept {
  PyObject* const text = shown(value);
  if (text == nullptr) return;
  PyErr_Format(kind, "%s%U", before.c_str(), text);
  Py_DECREF(text);
}

/// Text as UTF-8. Throws WrongType for what is none, InputError for half a character; `what` names it.
inline std::string to_text(pybind11::handle value, const std::string& what) {
  if (PyUnicode_Check(value.ptr()) == 0) throw WrongType(what + " must be text, not " + shown(value));
  Py_ssize_t size = 0;
  const char* const text = PyUnicode_AsUTF8AndSize(value.ptr(), &size);
  if (text != nullptr) return {text, static_cast<std::size_t>(size)};
  PyErr_Clear();
  throw InputError(what + " must be text, but " + shown(value) + " holds a lone surrogate, which is half a character");
}

/// How a method of the fastcall protocol is called: its arguments by name, in order.
template <std::size_t N>
struct Signature {
  const char* method;
  std::size_t needed;      ///< of the first ones
  std::size_t positional;  ///< of the first ones; the others go by name alone
  std::array<const char*, N> names;

  /// Puts the arguments of a call in order, null for those left out; false with a Python error set.
  bool read(PyObject* const* args, Py_ssize_t given, PyObject* keywords, PyObject* (&values)[N]) const noexcept {
    if (given > static_cast<Py_ssize_t>(positional)) {
      PyErr_Format(PyExc_TypeError, "%s takes %s, not %zd values", method, listed(positional, ", ").c_str(), given);
      return false;
    }
    for (Py_ssize_t i = 0; i < given; ++i) values[i] = args[i];
    const Py_ssize_t named = keywords == nullptr ? 0 : PyTuple_GET_SIZE(keywords);
    for (Py_ssize_t i = 0; i < named; ++i) {
      PyObject* const name = PyTuple_GET_ITEM(keywords, i);
      std::size_t k = 0;
      while (k < N && PyUnicode_CompareWithASCIIString(name, names[k]) != 0) ++k;
      if (k == N) {
        PyErr_Format(PyExc_TypeError, "%s has no argument %R; it takes %s", method, name, listed(N, ", ").c_str());
        return false;
      }
      if (values[k] != nullptr) {
        PyErr_Format(PyExc_TypeError, "%s got %R twice", method, name);
        return false;
      }
      values[k] = args[given + i];
    }
    for (std::size_t k = 0; k < needed; ++k) {
      if (values[k] != nullptr) continue;
      PyErr_Format(PyExc_TypeError, "%s needs %s", method, listed(needed, needed == 2 ? " and " : ", ").c_str());
      return false;
    }
    return true;
  }

 private:
  std::string listed(std::size_t count, const char* between) const {
    std::string all;
    for (std::size_t k = 0; k < count; ++k) all.append(k == 0 ? "" : between).append(names[k]);
    return all;
  }
};

/// A fastcall method whose C++ exceptions become Python's.
template <FastKeywordMethod Method>
PyObject* translated(PyObject* self, PyObject* const* args, Py_ssize_t given, PyObject* keywords) {
  try {
    return Method(self, args, given, keywords);
  } catch (pybind11::error_already_set& error) {
    error.restore();
  } catch (...) {
    pybind11::detail::try_translate_exceptions();
  }
  return nullptr;
}

/// As `to_double`, of what is no float.
[[gnu::noinline]] inline bool other_to_double(PyObject* value, double& out, const char* owner, const char* method,
                                              const char* name) noexcept {
  out = PyFloat_AsDouble(value);
  if (out == -1.0 && PyErr_Occurred() != nullptr) {
    const bool wrong_kind = PyErr_ExceptionMatches(PyExc_TypeError) != 0;
    if (!wrong_kind && PyErr_ExceptionMatches(PyExc_OverflowError) == 0) return false;  // what its __float__ raised
    PyErr_Clear();
    const std::string what = std::string(owner) + "." + method + ": " + name + " must be a number";
    if (wrong_kind) {
      refuse_value(PyExc_TypeError, what + ", not ", value);
    } else {
      refuse_value(error_class("InputError"), what + " that fits in a float, not ", value);
    }
    return false;
  }
  return true;
}

/// A number from a Python object, as float() takes it but for text; false with a Python error set that
/// names it: "SMA.update: close must be a number, not 'x'". A float is read in place: as a call it took 24
/// instructions.
[[gnu::always_inline]] inline bool to_double(PyObject* value, double& out, const char* owner, const char* method,
                                             const char* name) noexcept {
  if (!PyFloat_CheckExact(value)) return other_to_double(value, out, owner, method, name);
  out = PyFloat_AS_DOUBLE(value);
  return true;
}

}  // namespace fastcore::python
