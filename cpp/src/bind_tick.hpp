// What the calls that feed a symbol share: entering the engine, what is an error, what is returned.
#pragma once

#include <string>

#include "bind_engine.hpp"

namespace fastcore::python {

/// Symbol.on_tick(ts, price, size=0.0, side=0, id=0), for a method table.
PyObject* on_tick(PyObject* object, PyObject* const* args, Py_ssize_t positional, PyObject* keywords);

/// As `enter`, for calls outside pybind11: false with BusyError set while a batch runs.
bool enter_fast(const EngineHandle& handle) noexcept;

/// Counts what came with a time in another unit, and says which unit it looks like.
std::string refuse_unit(Symbol& symbol, const char* method, std::int64_t ts);

/// Whether an outcome is to be an error, by the symbol's policy.
bool raises(const Symbol& symbol, Outcome outcome) noexcept;
/// Why a tick or a bar ended there, as half a sentence.
const char* why_refused(Outcome outcome, bool bar) noexcept;

/// The live row, or a copy where the engine was asked for copies; a new reference.
PyObject* give_row(const PySymbol& self) noexcept;

}  // namespace fastcore::python
