// What the calls that feed a symbol share: entering the engine, what is an error, what is returned.
#pragma once

#include <string>

#include "bind_engine.hpp"
#include "digits.hpp"

namespace fastcore::python {

/// Symbol.on_tick(ts, price, size=0.0, side=0, id=0), for a method table.
PyObject* on_tick(PyObject* object, PyObject* const* args, Py_ssize_t positional, PyObject* keywords);

/// As `enter`, for calls outside pybind11: false with BusyError set while a batch runs.
bool enter_fast(const EngineHandle& handle) noexcept;

/// The same for calls that change a symbol: false, too, with an error set when it has been dropped.
bool may_feed(const PySymbol& self) noexcept;

/// The time of what is to be fed, as the last argument that is read; false with an error set. One that does not fit
/// in 64 bits becomes the earliest there is.
bool to_time(const PySymbol& self, PyObject* value, const char* method, std::int64_t& ts) noexcept;
/// The same for an int that fits and a symbol that may be fed, without a call; false for others, which `to_time` takes.
[[gnu::always_inline]] inline bool plain_time(const PySymbol& self, PyObject* value, std::int64_t& ts) noexcept {
  return PyLong_CheckExact(value) && !self.owner->busy && !self.dropped && long_whole(value, ts);
}
/// Counts what came with a time that cannot be in nanoseconds, and sets an error that says which unit it looks like;
/// null.
PyObject* refuse_time(const PySymbol& self, const char* method, PyObject* value, std::int64_t ts) noexcept;

/// Whether an outcome is to be an error, by the symbol's policy.
bool raises(const Symbol& symbol, Outcome outcome) noexcept;
/// Why a tick or a bar ended there, as half a sentence.
const char* why_refused(Outcome outcome, bool bar) noexcept;

/// The live row, or a copy where the engine was asked for copies; a new reference.
inline PyObject* give_row(const PySymbol& self) noexcept {
  if (self.owner->copy_rows) return PyObject_CallMethod(self.row.ptr(), "copy", nullptr);
  return Py_NewRef(self.row.ptr());
}

}  // namespace fastcore::python
