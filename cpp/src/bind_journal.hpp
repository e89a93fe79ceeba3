// What the bindings of engine and journal share.
#pragma once

#include "bind_engine.hpp"

namespace fastcore::python {

/// The engine's methods that have to do with its journal.
void bind_engine_journal(pybind11::class_<PyEngine>& type);

}  // namespace fastcore::python
