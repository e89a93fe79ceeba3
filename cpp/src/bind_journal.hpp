// What the bindings of engine and journal share.
#pragma once

#include "bind_engine.hpp"

namespace fastcore::python {

/// The engine's methods that have to do with its journal.
void bind_engine_journal(pybind11::class_<PyEngine>& type);
/// Journals read: played into engines, and shown.
void bind_replay(pybind11::module_& m);

}  // namespace fastcore::python
