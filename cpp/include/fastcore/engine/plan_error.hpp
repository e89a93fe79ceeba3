// The error of a plan, in a place of its own: bar specs raise it, and plans are made of bar specs.
#pragma once

#include <stdexcept>

namespace fastcore {

/// A plan that cannot be: a cycle, an unknown name, a clock that is none.
class PlanError : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;
};

}  // namespace fastcore
