// fastcore.Policy, a dataclass, as the core's Policy.
#pragma once

#include <pybind11/pybind11.h>

#include "fastcore/engine/policy.hpp"

namespace fastcore::python {

/// Reads the attributes of a fastcore.Policy; throws InputError with a sentence.
Policy policy_of(const pybind11::object& rules);

}  // namespace fastcore::python
