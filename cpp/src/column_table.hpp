// Columns by name for `symbol.get("rsi")`, where what Python's dictionary does for every kind of key is half of the
// call.
#pragma once

#include <Python.h>
#include <pybind11/pybind11.h>

#include <cstddef>
#include <cstring>
#include <vector>

namespace fastcore::python {

class ColumnTable {
 public:
  ColumnTable() = default;
  /// Of a dictionary from name to column, which outlives it and does not change.
  explicit ColumnTable(const pybind11::dict& columns) {
    std::size_t slots = 2;
    while (slots < 2 * columns.size()) slots *= 2;
    entries_.resize(slots);  // at most half of them are taken, so that a search ends
    for (const auto& [name, column] : columns) {
      const Py_hash_t hash = PyObject_Hash(name.ptr());
      std::size_t at = slot(hash);
      while (entries_[at].name != nullptr) at = slot(static_cast<Py_hash_t>(at + 1));
      entries_[at] = {name.ptr(), hash, pybind11::cast<Py_ssize_t>(column)};
    }
  }

  /// The column of a name; -1 where the dictionary is to be asked, as for what is no str, or one never hashed before.
  Py_ssize_t find(PyObject* key) const noexcept {
    if (!PyUnicode_CheckExact(key)) return -1;
    const Py_hash_t hash = reinterpret_cast<PyASCIIObject*>(key)->hash;
    for (std::size_t at = slot(hash); entries_[at].name != nullptr; at = slot(static_cast<Py_hash_t>(at + 1))) {
      const Entry& entry = entries_[at];
      if (entry.name == key || (entry.hash == hash && same(entry.name, key))) return entry.column;
    }
    return -1;
  }

 private:
  struct Entry {
    PyObject* name = nullptr;
    Py_hash_t hash = 0;
    Py_ssize_t column = -1;
  };

  std::size_t slot(Py_hash_t hash) const noexcept { return static_cast<std::size_t>(hash) & (entries_.size() - 1); }
  /// Names with a dot in them are not interned in source.
  static bool same(PyObject* a, PyObject* b) noexcept {
    const Py_ssize_t length = PyUnicode_GET_LENGTH(a);
    const auto width = static_cast<Py_ssize_t>(PyUnicode_KIND(a));
    return length == PyUnicode_GET_LENGTH(b) && width == static_cast<Py_ssize_t>(PyUnicode_KIND(b)) &&
           std::memcmp(PyUnicode_DATA(a), PyUnicode_DATA(b), static_cast<std::size_t>(length * width)) == 0;
  }

  std::vector<Entry> entries_;  // 2^k
};

}  // namespace fastcore::python
