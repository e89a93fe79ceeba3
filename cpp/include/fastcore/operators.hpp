// Arithmetic between columns: what formulas of indicators are made of, as in (EMA(12) - EMA(26)) / ATR(14). They are
// kernels like all others, so a formula runs in the engine's call, and snapshots, merging and replay know nothing
// of it; they are no indicators, and are not in the catalogue.
#pragma once

#include <cmath>
#include <cstddef>
#include <iterator>
#include <limits>
#include <vector>

#include "fastcore/catalogue.hpp"
#include "fastcore/quiet_nan.hpp"
#include "fastcore/spec.hpp"
#include "fastcore/type_list.hpp"

namespace fastcore {

/// What is no number is none: a division by 0 gives NaN, which readers leave out, not an infinity.
inline double number_or_nan(double x) noexcept { return std::isfinite(x) ? x : quiet_nan; }

/// x op y.
template <class Op>
class OfTwo {
 public:
  static constexpr auto spec() {
    return describe<NoParams>(Op::of_two, "Of two columns, row by row.").inputs("x", "y").outputs(line("result"));
  }
  static constexpr int warmup(const NoParams&) { return 1; }
  explicit OfTwo(const NoParams&) noexcept {}
  double operator()(double x, double y) const noexcept { return number_or_nan(Op::apply(x, y)); }
  template <class Archive>
  void state(Archive&) {}
};

struct ConstantParams {
  double value = 0.0;
};
inline constexpr double most_constant = std::numeric_limits<double>::max();

/// x op value.
template <class Op>
class OfConstant {
 public:
  static constexpr auto spec() {
    return describe<ConstantParams>(Op::of_constant, "Of a column and a number, row by row.")
        .inputs("x")
        .outputs(line("result"))
        .params(param("value", &ConstantParams::value, -most_constant, most_constant, "the number"));
  }
  static constexpr int warmup(const ConstantParams&) { return 1; }
  explicit OfConstant(const ConstantParams& p) noexcept : value_(p.value) {}
  double operator()(double x) const noexcept { return number_or_nan(Op::apply(x, value_)); }
  template <class Archive>
  void state(Archive&) {}

 private:
  double value_;
};

/// op x.
template <class Op>
class OfOne {
 public:
  static constexpr auto spec() {
    return describe<NoParams>(Op::of_one, "Of a column, row by row.").inputs("x").outputs(line("result"));
  }
  static constexpr int warmup(const NoParams&) { return 1; }
  explicit OfOne(const NoParams&) noexcept {}
  double operator()(double x) const noexcept { return number_or_nan(Op::apply(x)); }
  template <class Archive>
  void state(Archive&) {}
};

struct Plus {
  static constexpr const char* of_two = "x + y";
  static constexpr const char* of_constant = "x + value";
  static double apply(double x, double y) noexcept { return x + y; }
};
struct Minus {
  static constexpr const char* of_two = "x - y";
  static constexpr const char* of_constant = "x - value";
  static double apply(double x, double y) noexcept { return x - y; }
};
struct From {
  static constexpr const char* of_constant = "value - x";
  static double apply(double x, double value) noexcept { return value - x; }
};
struct Times {
  static constexpr const char* of_two = "x * y";
  static constexpr const char* of_constant = "x * value";
  static double apply(double x, double y) noexcept { return x * y; }
};
struct Over {
  static constexpr const char* of_two = "x / y";
  static constexpr const char* of_constant = "x / value";
  static double apply(double x, double y) noexcept { return x / y; }
};
struct Under {
  static constexpr const char* of_constant = "value / x";
  static double apply(double x, double value) noexcept { return value / x; }
};
struct Larger {
  static constexpr const char* of_two = "maximum(x, y)";
  static constexpr const char* of_constant = "maximum(x, value)";
  static double apply(double x, double y) noexcept { return x > y ? x : y; }
};
struct Smaller {
  static constexpr const char* of_two = "minimum(x, y)";
  static constexpr const char* of_constant = "minimum(x, value)";
  static double apply(double x, double y) noexcept { return x < y ? x : y; }
};
/// Comparisons give 1 or 0.
struct Above {
  static constexpr const char* of_two = "x > y";
  static constexpr const char* of_constant = "x > value";
  static double apply(double x, double y) noexcept { return x > y ? 1.0 : 0.0; }
};
struct AtLeast {
  static constexpr const char* of_two = "x >= y";
  static constexpr const char* of_constant = "x >= value";
  static double apply(double x, double y) noexcept { return x >= y ? 1.0 : 0.0; }
};
struct Below {
  static constexpr const char* of_two = "x < y";
  static constexpr const char* of_constant = "x < value";
  static double apply(double x, double y) noexcept { return x < y ? 1.0 : 0.0; }
};
struct AtMost {
  static constexpr const char* of_two = "x <= y";
  static constexpr const char* of_constant = "x <= value";
  static double apply(double x, double y) noexcept { return x <= y ? 1.0 : 0.0; }
};
struct Magnitude {
  static constexpr const char* of_one = "abs(x)";
  static double apply(double x) noexcept { return std::fabs(x); }
};
struct Opposite {
  static constexpr const char* of_one = "-x";
  static double apply(double x) noexcept { return -x; }
};
struct Root {
  static constexpr const char* of_one = "sqrt(x)";
  static double apply(double x) noexcept { return std::sqrt(x); }
};
struct Logarithm {
  static constexpr const char* of_one = "log(x)";
  static double apply(double x) noexcept { return std::log(x); }
};
struct Exponential {
  static constexpr const char* of_one = "exp(x)";
  static double apply(double x) noexcept { return std::exp(x); }
};

/// The inputs of a clock, and what they are called in formulas.
struct InputWords {
  const char* name;
  const char* text;
};
inline constexpr InputWords input_words[] = {
    {"open", "price('open')"},     {"high", "price('high')"}, {"low", "price('low')"},  {"close", "price('close')"},
    {"volume", "price('volume')"}, {"ts", "price('ts')"},     {"side", "price('side')"}};

/// One of them as a column.
template <std::size_t Which>
class TheInput {
 public:
  static constexpr auto spec() {
    constexpr InputWords words = input_words[Which];
    return describe<NoParams>(words.text, "An input as it is.").inputs(words.name).outputs(line("result"));
  }
  static constexpr int warmup(const NoParams&) { return 1; }
  explicit TheInput(const NoParams&) noexcept {}
  double operator()(double x) const noexcept { return x; }
  template <class Archive>
  void state(Archive&) {}
};

using Inputs = TypeList<TheInput<0>, TheInput<1>, TheInput<2>, TheInput<3>, TheInput<4>, TheInput<5>, TheInput<6>>;
static_assert(std::size(input_words) == 7, "each input is a column");
using Operators =
    TypeList<OfTwo<Plus>, OfTwo<Minus>, OfTwo<Times>, OfTwo<Over>, OfTwo<Larger>, OfTwo<Smaller>, OfTwo<Above>,
             OfTwo<AtLeast>, OfTwo<Below>, OfTwo<AtMost>, OfConstant<Plus>, OfConstant<Minus>, OfConstant<From>,
             OfConstant<Times>, OfConstant<Over>, OfConstant<Under>, OfConstant<Larger>, OfConstant<Smaller>,
             OfConstant<Above>, OfConstant<AtLeast>, OfConstant<Below>, OfConstant<AtMost>, OfOne<Magnitude>,
             OfOne<Opposite>, OfOne<Root>, OfOne<Logarithm>, OfOne<Exponential>>;

/// Their kernels: plans hold them, and the catalogue does not show them.
const std::vector<CatalogueEntry>& operators();

}  // namespace fastcore
