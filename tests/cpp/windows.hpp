// Windows as the tests see them: every number of a summary as a column, by pushes or by runs, and what
// the definition says, in long double.
#pragma once

#include <doctest/doctest.h>

#include <array>
#include <numeric>

#include "fastcore/window/window.hpp"
#include "support.hpp"

namespace fastcore::testing {

template <class W>
struct AggregateOf;
template <template <class> class W, class Aggregate>
struct AggregateOf<W<Aggregate>> {
  using type = Aggregate;
};

template <class S, class = void>
inline constexpr bool has_numbers = false;
template <class S>
inline constexpr bool has_numbers<S, std::void_t<decltype(std::declval<S>().numbers())>> = true;

/// Finishes a row of a run: the numbers of the summary, then the value itself.
struct Everything {
  template <class S, class V>
  auto operator()(const S& summary, const V& x) const {
    if constexpr (has_numbers<S>) {
      const auto numbers = summary.numbers();
      std::array<V, sizeof numbers / sizeof(V) + 1> all;
      std::copy(numbers.begin(), numbers.end(), all.begin());
      all.back() = x;
      return all;
    } else {
      return std::array<V, 2>{summary, x};
    }
  }
};

template <class W>
using Row = decltype(Everything()(std::declval<W&>().push(0.0), 0.0));
/// Columns of a window, as Everything gives them.
template <class W>
using Columns = std::array<Values, std::tuple_size_v<Row<W>>>;

template <class W>
void push(W& window, double x, Columns<W>& out) {
  const Row<W> row = Everything()(window.push(x), x);
  for (std::size_t k = 0; k < row.size(); ++k) out[k].push_back(row[k]);
}
template <class W>
Columns<W> push_all(W& window, const Values& x) {
  Columns<W> out;
  for (const double value : x) push(window, value, out);
  return out;
}
template <class W>
void run(W& window, const double* x, std::size_t rows, Columns<W>& out) {
  std::array<double*, std::tuple_size_v<Row<W>>> to;
  for (std::size_t k = 0; k < to.size(); ++k) {
    out[k].resize(out[k].size() + rows, -12345.0);
    to[k] = out[k].data() + out[k].size() - rows;
  }
  window.run(x, rows, to, Everything());
}
template <class W>
Columns<W> run_all(W& window, const Values& x, const std::vector<std::size_t>& parts) {
  Columns<W> out;
  std::size_t at = 0;
  for (const std::size_t rows : parts) {
    run(window, x.data() + at, rows, out);
    at += rows;
  }
  return out;
}

/// Requires equal bits in all columns from row `from` on.
template <std::size_t N>
void require_same(const std::array<Values, N>& got, const std::array<Values, N>& wanted, std::size_t from = 0) {
  for (std::size_t column = 0; column < N; ++column) {
    const std::size_t row = first_difference(got[column], wanted[column], from);
    if (row == wanted[column].size() && row == got[column].size()) continue;
    CAPTURE(column);
    CAPTURE(row);
    REQUIRE(got[column].size() == wanted[column].size());
    REQUIRE(got[column][row] == wanted[column][row]);
    FAIL("a zero of the other sign, or NaN");
  }
}

/// A window by its definition.
struct Exact {
  Exact(const double* x, int n) {
    lowest = *std::min_element(x, x + n);
    highest = *std::max_element(x, x + n);
    for (int i = 0; i < n; ++i) {
      const long double value = x[i];
      sum += value;
      weighted += (i + 1) * value;
      size += std::fabs(value);
    }
    mean = sum / n;
    // About a value of the window, since a mean that is off by a rounding of the level shifts third powers.
    long double offset = 0;
    for (int i = 0; i < n; ++i) offset += (static_cast<long double>(x[i]) - x[0]) / n;
    for (int i = 0; i < n; ++i) {
      const long double d = (static_cast<long double>(x[i]) - x[0]) - offset;
      variance += d * d;
      third += d * d * d;
      fourth += d * d * d * d;
    }
    variance /= n;
    third /= n;
    fourth /= n;
    weighted /= 0.5L * n * (n + 1.0L);
    spread = static_cast<long double>(highest) - lowest;
    level = std::max(std::fabs(static_cast<long double>(lowest)), std::fabs(static_cast<long double>(highest)));
    // Half a block of additions one after the other, and the few that join the parts.
    rounding = (0.5L * n + 8.0L) * (0.5L * std::numeric_limits<double>::epsilon());
  }
  long double sum = 0, weighted = 0, size = 0, mean = 0, variance = 0, third = 0, fourth = 0;
  long double spread, level, rounding;
  double lowest, highest;
};

inline void require_near(long double got, long double wanted, long double tolerance) {
  if (std::fabs(got - wanted) <= tolerance) return;
  CAPTURE(static_cast<double>(got));
  CAPTURE(static_cast<double>(wanted));
  CAPTURE(static_cast<double>(tolerance));
  FAIL("the error is ", static_cast<double>(std::fabs(got - wanted)));
}

/// Requires that a row is what the window's definition says, within what rounding allows.
template <class W>
void require_exact(const Row<W>& row, const double* x, int n) {
  using Aggregate = typename AggregateOf<W>::type;
  const Exact exact(x, n);
  if constexpr (std::is_same_v<Aggregate, Sum>) {
    require_near(row[0], exact.sum, exact.rounding * exact.size);
  } else if constexpr (std::is_same_v<Aggregate, Highest>) {
    REQUIRE(row[0] == exact.highest);
  } else if constexpr (std::is_same_v<Aggregate, Lowest>) {
    REQUIRE(row[0] == exact.lowest);
  } else {
    constexpr auto gives = Aggregate::gives;
    static_assert(gives[0] == Number::shift && gives[1] == Number::offset, "every mean is a shift and an offset");
    const double shift = row[0];
    // A mean has one rounding of the level; all else is relative to the spread alone.
    const long double mean_tolerance =
        4.0L * exact.rounding * exact.spread + std::numeric_limits<double>::epsilon() * exact.level;
    for (std::size_t k = 0; k < gives.size(); ++k) {
      switch (gives[k]) {
        case Number::shift:
          if (std::find(x, x + n, shift) == x + n) FAIL("the shift ", shift, " is not a value of the window");
          break;
        case Number::offset: require_near(shift + row[k], exact.mean, mean_tolerance); break;
        case Number::variance:
          REQUIRE(row[k] >= 0.0);
          // Sums of squares about three shifts are moved onto one, and a square is taken off: four such terms.
          require_near(row[k], exact.variance, 8.0L * exact.rounding * exact.spread * exact.spread);
          break;
        case Number::deviation: REQUIRE(row[k] == std::sqrt(row[k - 1])); break;
        case Number::sum:
          require_near(row[k], exact.sum - n * static_cast<long double>(shift),
                       4.0L * exact.rounding * n * exact.spread);
          break;
        case Number::third:
          // As above, of eight terms and then six; and of sixteen and thirteen.
          require_near(row[k], exact.third, 16.0L * exact.rounding * std::pow(exact.spread, 3));
          break;
        case Number::fourth:
          REQUIRE(row[k] >= 0.0);
          require_near(row[k], exact.fourth, 32.0L * exact.rounding * std::pow(exact.spread, 4));
          break;
        case Number::weighted:
          require_near(shift + row[k] / (0.5L * n * (n + 1.0L)), exact.weighted, mean_tolerance);
          break;
      }
    }
  }
}

}  // namespace fastcore::testing
