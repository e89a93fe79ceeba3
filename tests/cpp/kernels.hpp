// Kernels as the tests see them: bars for their inputs, parameters to try, states to run.
#pragma once

#include <doctest/doctest.h>

#include "fastcore/catalogue.hpp"
#include "fastcore/check.hpp"
#include "fastcore/indicator.hpp"
#include "support.hpp"

namespace fastcore::testing {

/// Bars of a walk, and of what a market does besides: flat stretches, gaps, bars without volume.
struct Bars {
  Bars(std::size_t rows, std::uint64_t seed)
      : open(walk(rows, seed, 100.0, 0.3)),
        high(rows),
        low(rows),
        close(open),
        volume(rows),
        ts(rows),
        side(rows),
        ask_size(rows) {
    Random random(seed + 1);
    for (std::size_t i = 0; i < rows; ++i) {
      close[i] += real(random) - 0.5;
      if (i > 0 && i / 50 % 7 == 3) open[i] = close[i] = close[i - 1];
      const bool flat = whole(random, 0, 9) == 0;
      high[i] = std::max(open[i], close[i]) + (flat ? 0.0 : real(random));
      low[i] = std::min(open[i], close[i]) - (flat ? 0.0 : real(random));
      volume[i] = whole(random, 0, 9) == 0 ? 0.0 : whole(random, 1, 1000);
      ts[i] = (i == 0 ? 1.7e18 : ts[i - 1]) + 1e9 * (whole(random, 0, 99) == 0 ? 40.0 : whole(random, 0, 3));
      side[i] = whole(random, -1, 1);
      ask_size[i] = whole(random, 0, 1000);
    }
  }
  const Values& input(const std::string& name) const {
    if (name == "open") return open;
    if (name == "high") return high;
    if (name == "low") return low;
    if (name == "volume") return volume;
    if (name == "ts") return ts;
    if (name == "side") return side;
    if (name == "bid") return low;
    if (name == "ask") return high;
    if (name == "bid_size") return volume;
    if (name == "ask_size") return ask_size;
    REQUIRE(name == "close");
    return close;
  }
  /// A kernel's columns, each to be changed at will.
  std::vector<Values> inputs(const Kernel& kernel) const {
    std::vector<Values> all(kernel.input_count);
    for (std::size_t k = 0; k < kernel.input_count; ++k) all[k] = input(kernel.inputs[k]);
    return all;
  }
  Values open, high, low, close, volume, ts, side, ask_size;
};

inline ParamValues defaults(const Kernel& kernel) {
  ParamValues values{};
  for (std::size_t i = 0; i < kernel.param_count; ++i) values[i] = kernel.params[i].initial;
  return values;
}

/// Defaults, the smallest values, and some by chance; those that do not go together are left out.
inline std::vector<ParamValues> parameters(const Kernel& kernel, std::uint64_t seed, int draws = 6) {
  Random random(seed);
  std::vector<ParamValues> all{defaults(kernel)};
  const auto add = [&](const ParamValues& values) {
    if (kernel.invalid(values) == nullptr) all.push_back(values);
  };
  ParamValues least{};
  for (std::size_t i = 0; i < kernel.param_count; ++i)
    least[i] = kernel.params[i].whole ? kernel.params[i].least : std::max(kernel.params[i].least, -1.5);
  add(least);
  for (int draw = 0; draw < draws; ++draw) {
    ParamValues values{};
    for (std::size_t i = 0; i < kernel.param_count; ++i) {
      const ParamInfo& p = kernel.params[i];
      const double most = std::min(p.most, draw == 0 ? 400.0 : 60.0);
      values[i] = p.whole ? whole(random, static_cast<int>(p.least), static_cast<int>(most))
                          : std::clamp(4.0 * real(random), p.least, p.most);
    }
    add(values);
  }
  return all;
}

/// A state of a kernel in memory of its own.
class State {
 public:
  State(const Kernel& kernel, const ParamValues& params)
      : kernel_(kernel), params_(params), block_(kernel.bytes(params)) {
    kernel.make(block_.data(), kernel.bytes(params), params);
  }
  void reset() {
    block_.clear();
    kernel_.make(block_.data(), kernel_.bytes(params_), params_);
  }
  std::byte* data() const noexcept { return block_.data(); }
  std::size_t size() const noexcept { return block_.size(); }
  bool ready() const { return kernel_.ready(block_.data()); }
  std::string save() const {
    ByteWriter out;
    kernel_.save(block_.data(), out);
    return out.take();
  }
  void load(const std::string& bytes) {
    ByteReader in(bytes);
    kernel_.load(block_.data(), in);
    REQUIRE(in.left() == 0);
  }
  const Kernel& kernel() const noexcept { return kernel_; }

 private:
  const Kernel& kernel_;
  ParamValues params_;
  Block block_;
};

/// Outputs, column by column.
using Outputs = std::vector<Values>;

/// Steps over rows [begin, end).
inline Outputs step(State& state, const std::vector<Values>& in, std::size_t begin, std::size_t end) {
  const Kernel& kernel = state.kernel();
  Outputs out(kernel.output_count, Values(end - begin));
  double row[max_inputs];
  double result[max_outputs];
  for (std::size_t i = begin; i < end; ++i) {
    for (std::size_t k = 0; k < in.size(); ++k) row[k] = in[k][i];
    kernel.step(state.data(), row, result);
    for (std::size_t k = 0; k < out.size(); ++k) out[k][i - begin] = result[k];
  }
  return out;
}
/// One run over rows [begin, end).
inline Outputs run(State& state, const std::vector<Values>& in, std::size_t begin, std::size_t end) {
  const Kernel& kernel = state.kernel();
  Outputs out(kernel.output_count, Values(end - begin, -12345.0));
  const double* from[max_inputs];
  double* to[max_outputs];
  for (std::size_t k = 0; k < in.size(); ++k) from[k] = in[k].data() + begin;
  for (std::size_t k = 0; k < out.size(); ++k) to[k] = out[k].data();
  kernel.run(state.data(), from, to, end - begin);
  return out;
}

inline void require_same(const Outputs& got, const Outputs& wanted) {
  REQUIRE(got.size() == wanted.size());
  for (std::size_t column = 0; column < got.size(); ++column) {
    const std::size_t row = first_difference(got[column], wanted[column]);
    if (row == wanted[column].size()) continue;
    CAPTURE(column);
    CAPTURE(row);
    REQUIRE(got[column][row] == wanted[column][row]);
    FAIL("a zero of the other sign, or NaN");
  }
}

inline std::string text(const Kernel& kernel, const ParamValues& values) {
  std::string all = kernel.name;
  for (std::size_t i = 0; i < kernel.param_count; ++i) all += " " + plain(values[i]);
  return all;
}

/// Visits each kernel of the catalogue with each of its parameters to try.
template <class Visit>
void for_each_kernel(std::uint64_t seed, Visit&& visit, int draws = 6) {
  for (const CatalogueEntry& entry : catalogue()) {
    for (const ParamValues& params : parameters(*entry.kernel, seed, draws)) {
      const std::string about = text(*entry.kernel, params);
      CAPTURE(about);
      visit(*entry.kernel, params);
    }
  }
}

}  // namespace fastcore::testing
