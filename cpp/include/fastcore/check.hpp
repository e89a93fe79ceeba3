// Parameter errors, as one sentence each: the indicator, the parameter, the value, the range.
#pragma once

#include <cmath>
#include <cstdio>
#include <stdexcept>
#include <string>

#include "fastcore/kernel.hpp"

namespace fastcore {

/// A parameter outside its range, or parameters that do not go together.
class ParameterError : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;
};

/// A number as a person writes it: 20, 0.5, 1e-09.
inline std::string plain(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.12g", value);
  return text;
}

/// The kinds that a parameter's numbers stand for, " (SMA, EMA, ...)"; nothing for one that is just a number.
inline std::string kinds(const ParamInfo& p) {
  if (p.choices == nullptr) return "";
  std::string all;
  for (int kind = 0; kind <= static_cast<int>(p.most); ++kind)
    all += (kind == 0 ? " (" : ", ") + std::string(p.choices[kind]);
  return all + ")";
}

/// Throws ParameterError unless each value is in its range and they go together.
inline void check_params(const Kernel& kernel, const ParamValues& values) {
  for (std::size_t i = 0; i < kernel.param_count; ++i) {
    const ParamInfo& p = kernel.params[i];
    const bool whole = !p.whole || values[i] == std::floor(values[i]);
    if (!whole || !(values[i] >= p.least && values[i] <= p.most)) {
      throw ParameterError(std::string(kernel.name) + "." + p.name + " must be " +
                           (p.whole ? "a whole number" : "a number") + " from " + plain(p.least) + " to " +
                           plain(p.most) + kinds(p) + ", not " + plain(values[i]));
    }
  }
  if (const char* why = kernel.invalid(values)) {
    std::string given;
    for (std::size_t i = 0; i < kernel.param_count; ++i) {
      given += (i == 0 ? "" : ", ") + std::string(kernel.params[i].name) + "=" + plain(values[i]);
    }
    throw ParameterError(std::string(kernel.name) + ": " + why + ", not " + given);
  }
}

}  // namespace fastcore
