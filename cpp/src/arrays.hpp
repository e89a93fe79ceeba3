// NumPy arrays in and out: columns of doubles as input, views of live memory as output.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <memory>
#include <string>

#include "errors.hpp"
#include "fastcore/memory/arena.hpp"

namespace fastcore::python {

namespace py = pybind11;
using Column = py::array_t<double, py::array::c_style | py::array::forcecast>;

/// A one-dimensional column of doubles from anything that NumPy takes as one: numbers only, no text,
/// no dates, no complex numbers.
inline Column to_column(const py::handle& values, const std::string& where, const char* name) {
  const py::array any = py::array::ensure(values);
  if (!any) {
    PyErr_Clear();
    throw InputError(where + ": " + name + " must be an array of numbers");
  }
  const char kind = any.dtype().kind();
  if (kind != 'f' && kind != 'i' && kind != 'u' && kind != 'b') {
    throw WrongType(where + ": " + name + " must be an array of real numbers, not of dtype " +
                    std::string(py::str(any.dtype())));
  }
  if (any.ndim() != 1)
    throw InputError(where + ": " + name + " must have one dimension, not " + std::to_string(any.ndim()));
  return Column::ensure(any);
}

/// A fresh array, not filled in. pybind11's constructor makes vectors of its shape and strides first.
inline py::object fresh_array(const py::dtype& dtype, int ndim, const py::ssize_t* shape) {
  auto& api = py::detail::npy_api::get();
  auto made = py::reinterpret_steal<py::object>(api.PyArray_NewFromDescr_(
      api.PyArray_Type_, py::object(dtype).release().ptr(), ndim, shape, nullptr, nullptr, 0, nullptr));
  if (!made) throw py::error_already_set();
  return made;
}
/// Where the values of an array lie that was made here.
inline void* data_of(const py::object& array) { return py::detail::array_proxy(array.ptr())->data; }

/// A read-only array over memory that lives in `block`, of whatever kind. Its base is a capsule that shares the
/// block, not an object with a buffer, so that nobody can make it writable or keep it past the memory.
template <class Owner>
py::array live_view(const py::dtype& dtype, std::vector<py::ssize_t> shape, std::vector<py::ssize_t> strides,
                    const void* data, const std::shared_ptr<Owner>& block) {
  auto* const share = new std::shared_ptr<Owner>(block);
  const py::capsule base(share, [](void* p) { delete static_cast<std::shared_ptr<Owner>*>(p); });
  py::array view(dtype, std::move(shape), std::move(strides), data, base);
  py::detail::array_proxy(view.ptr())->flags &= ~py::detail::npy_api::NPY_ARRAY_WRITEABLE_;
  return view;
}

}  // namespace fastcore::python
