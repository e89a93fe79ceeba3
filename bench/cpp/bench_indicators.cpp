// `stream/NAME` and `batch/NAME`: every indicator of the catalogue, tick by tick and as one batch of a
// million rows, through its kernel as Python reaches it. The core's kernels: made here of the type lists
// they would be compiled once more, in 75 s.
#include "bench.hpp"
#include "fastcore/catalogue.hpp"

namespace fastcore::bench {

namespace {

/// Bars of a walk; every indicator finds its inputs here by name.
struct Bars {
  const std::vector<double>& input(const std::string& name) const {
    if (name == "high") return high;
    if (name == "low") return low;
    if (name == "bid") return low;
    if (name == "ask") return high;
    if (name == "ts") return ts;
    if (name == "side") return side;
    return name == "volume" || name == "bid_size" || name == "ask_size" ? volume : close;
  }
  static Bars make() {
    Bars bars{walk(row_count, 1), {}, {}, {}, {}, {}};
    std::mt19937_64 random(2);
    bars.high = bars.low = bars.volume = bars.ts = bars.side = bars.close;
    for (std::size_t i = 0; i < row_count; ++i) {
      bars.high[i] += 0.01 * real(random);
      bars.low[i] -= 0.01 * real(random);
      bars.volume[i] = 1.0 + static_cast<double>(random() % 1000);
      bars.ts[i] = 1.7e18 + 1e7 * static_cast<double>(i);  // 3,000 rows in 30 s
      bars.side[i] = static_cast<double>(random() % 3) - 1.0;
    }
    return bars;
  }
  std::vector<double> close, high, low, volume, ts, side;
};

const Bars& bars() {
  static const Bars all = Bars::make();
  return all;
}

/// A kernel's state with its default parameters, and its columns.
struct Run {
  explicit Run(const Kernel& k) : kernel(k) {
    for (std::size_t i = 0; i < kernel.param_count; ++i) params[i] = kernel.params[i].initial;
    block = Block(kernel.bytes(params));
    for (std::size_t i = 0; i < kernel.input_count; ++i) in[i] = bars().input(kernel.inputs[i]).data();
    results.assign(kernel.output_count, std::vector<double>(row_count));
    for (std::size_t i = 0; i < kernel.output_count; ++i) out[i] = results[i].data();
  }
  void reset() {
    block.clear();
    kernel.make(block.data(), kernel.bytes(params), params);
  }
  const Kernel& kernel;
  ParamValues params{};
  Block block;
  const double* in[max_inputs];
  double* out[max_outputs];
  std::vector<std::vector<double>> results;
};

void stream(benchmark::State& state, const Kernel& kernel) {
  Run run(kernel);
  for (auto _ : state) {
    run.reset();
    for (std::size_t i = 0; i < row_count; ++i) {
      double row[max_inputs];
      double results[max_outputs];
      for (std::size_t k = 0; k < kernel.input_count; ++k) row[k] = run.in[k][i];
      kernel.step(run.block.data(), row, results);
      benchmark::DoNotOptimize(results[0]);
    }
  }
  per_item(state, row_count);
}

void batch(benchmark::State& state, const Kernel& kernel) {
  Run run(kernel);
  for (auto _ : state) {
    run.reset();
    kernel.run(run.block.data(), run.in, run.out, row_count);
    benchmark::ClobberMemory();
  }
  per_item(state, row_count);
}

const bool registered = [] {
  for (const CatalogueEntry& entry : catalogue()) {
    const Kernel& kernel = *entry.kernel;
    const auto add = [&](const char* path, void (*work)(benchmark::State&, const Kernel&)) {
      const std::string name = std::string(path) + kernel.name;
      benchmark::RegisterBenchmark(name.c_str(), work, kernel)->Unit(benchmark::kMillisecond);
    };
    add("stream/", stream);
    add("batch/", batch);
  }
  return true;
}();

}  // namespace

}  // namespace fastcore::bench
