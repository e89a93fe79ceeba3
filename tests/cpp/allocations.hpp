// Counts every allocation of the test program, so that "allocates nothing" is a number and not a belief.
#pragma once

#include <cstddef>

namespace fastcore::testing {

/// Calls of operator new and malloc, in all their forms, since the program began.
std::size_t allocations() noexcept;

}  // namespace fastcore::testing
