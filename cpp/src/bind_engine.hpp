// What the bindings of engine and symbol share.
#pragma once

#include <pybind11/pybind11.h>

#include <memory>
#include <vector>

#include "column_table.hpp"
#include "fastcall.hpp"
#include "fastcore/engine/engine.hpp"

namespace fastcore::python {

/// An engine and what Python needs of it; its symbols keep it alive.
struct EngineHandle {
  std::unique_ptr<Engine> engine;
  pybind11::dict columns;  // name -> int
  ColumnTable column_table;  // the same names, quicker
  std::vector<pybind11::object> spans;  // by clock: the str by which `on_bar` was told it last
  bool copy_rows = false;  // on_tick gives a copy of the row instead of the live one
  bool busy = false;       // a batch runs without the GIL: entering now is an error
  pybind11::object journal = pybind11::none();   // Python's, when one is attached
  pybind11::object recovery = pybind11::none();  // what a recovery found
};

/// Of a BusyError.
inline constexpr const char* engine_at_work =
    "this engine is at work, in a batch of another thread or in a function of its own plan: an engine has one owner at a "
    "time";

/// Keeps others out of an engine while it works, with or without the GIL.
class Entered {
 public:
  explicit Entered(EngineHandle& handle) noexcept : busy_(handle.busy) { busy_ = true; }
  Entered(const Entered&) = delete;
  Entered& operator=(const Entered&) = delete;
  ~Entered() { busy_ = false; }

 private:
  bool& busy_;
};

/// The same, and gives up the GIL.
class Busy {
 public:
  explicit Busy(EngineHandle& handle) : entered_(handle) {}

 private:
  Entered entered_;  // before the GIL is given up, and until it is had back
  pybind11::gil_scoped_release release_;
};

/// Python's engine: the handle, and the symbols it has given out, so that each is one object.
struct PyEngine {
  std::shared_ptr<EngineHandle> handle;
  pybind11::dict symbols;

  Engine& engine() const;
};

/// A symbol as Python holds it.
struct PySymbol {
  PySymbol(std::shared_ptr<EngineHandle> handle, std::shared_ptr<Symbol> core, pybind11::weakref engine);

  std::shared_ptr<EngineHandle> owner;
  pybind11::weakref engine;  // Python's engine: the symbol's block outlives it
  std::shared_ptr<Symbol> symbol;
  pybind11::object row;  // the live row, made once
  Py_ssize_t width;      // of it
  bool dropped = false;  // the engine has forgotten it: it can be read, and takes nothing more
};

/// Python's engine around one; its rows are copies where that is asked for.
std::unique_ptr<PyEngine> wrap(std::unique_ptr<Engine> engine, bool copy_rows);

/// Counts by bucket, with what was received first.
pybind11::dict ledger_dict(const Ledger& ledger);

/// Why columns started anew, by name.
pybind11::dict cold_dict(const std::vector<ColdColumn>& cold, const Plan& plan);

/// Number of a clock of time bars by its text; throws PlanError, and InputError for one of another kind.
std::size_t time_clock(const Plan& plan, const std::string& span, const char* method);

/// A time that may be; throws InputError.
std::int64_t checked_time(const char* method, std::int64_t ts);

/// A kind of gap by its name; throws InputError.
Gap gap_named(const std::string& kind);

/// The symbol, when no batch is changing it; throws BusyError.
const Symbol& settled(const PySymbol& self);

/// Index of a column by name or number; -1 with a Python error set.
Py_ssize_t column_index(const PySymbol& self, PyObject* key) noexcept;

/// Adds views of what a symbol has kept.
void bind_views(pybind11::class_<PySymbol>& type);

/// Adds what a symbol says of itself.
void bind_words(pybind11::class_<PySymbol>& type);

/// Adds what takes batches.
void bind_batches(pybind11::class_<PyEngine>& type);

/// Throws BusyError while a batch runs.
void enter(const EngineHandle& handle);

}  // namespace fastcore::python

template <>
struct pybind11::detail::type_caster<fastcore::python::PySymbol>
    : pybind11::detail::type_caster_base<fastcore::python::PySymbol> {
  bool load(handle source, bool convert) {
    fastcore::python::require_made(source);
    return type_caster_base::load(source, convert);
  }
};
template <>
struct pybind11::detail::type_caster<fastcore::python::PyEngine>
    : pybind11::detail::type_caster_base<fastcore::python::PyEngine> {
  bool load(handle source, bool convert) {
    fastcore::python::require_made(source);
    return type_caster_base::load(source, convert);
  }
};
