// Prints one line for each indicator: a checksum of all it gives on seeded bars, step by step and in
// runs. The lines of two processor levels are compared: the same bits are promised.
#include <algorithm>
#include <cstdio>

#include "fastcore/catalogue.hpp"
#include "fastcore/crc32c.hpp"
#include "fastcore/memory/arena.hpp"
#include "support.hpp"

using namespace fastcore;
using namespace fastcore::testing;

int main() {
  constexpr std::size_t rows = 5000;
  constexpr std::size_t chunk = 700;
  const std::vector<Values> columns = {walk(rows, 1), walk(rows, 2), walk(rows, 3, 60000.0, 5.0), rough(rows, 4)};
  for (const CatalogueEntry& entry : catalogue()) {
    const Kernel& kernel = *entry.kernel;
    for (const double period : {0.0, 3.0, 20.0, 257.0, 2000.0}) {  // 0 stands for the defaults
      ParamValues params{};
      for (std::size_t i = 0; i < kernel.param_count; ++i) {
        const ParamInfo& one = kernel.params[i];
        const double wanted = one.whole && period > 0.0 ? period + static_cast<double>(i) : one.initial;
        params[i] = std::clamp(wanted, one.least, one.most);
      }
      if (kernel.invalid(params) != nullptr) continue;
      ByteWriter out;
      for (std::size_t first = 0; first < columns.size(); ++first) {
        const Block stepped(kernel.bytes(params));
        const Block ran(kernel.bytes(params));
        kernel.make(stepped.data(), kernel.bytes(params), params);
        kernel.make(ran.data(), kernel.bytes(params), params);
        for (std::size_t at = 0; at < rows; at += chunk) {
          const std::size_t count = std::min(chunk, rows - at);
          std::vector<Values> results(kernel.output_count, Values(count));
          const double* from[max_inputs];
          double* to[max_outputs];
          for (std::size_t k = 0; k < kernel.input_count; ++k)
            from[k] = columns[(first + k) % columns.size()].data() + at;
          for (std::size_t k = 0; k < kernel.output_count; ++k) to[k] = results[k].data();
          kernel.run(ran.data(), from, to, count);
          for (std::size_t i = 0; i < count; ++i) {
            double row[max_inputs];
            double result[max_outputs];
            for (std::size_t k = 0; k < kernel.input_count; ++k) row[k] = from[k][i];
            kernel.step(stepped.data(), row, result);
            for (std::size_t k = 0; k < kernel.output_count; ++k) {
              // The payload of a NaN is the processor's affair.
              out.number(std::isnan(result[k]) ? 0.0 : result[k]);
              out.number(std::isnan(results[k][i]) ? 0.0 : results[k][i]);
            }
          }
        }
        kernel.save(stepped.data(), out);
        kernel.save(ran.data(), out);
      }
      std::printf("%s %g %08x\n", kernel.name, period, crc32c(out.bytes()));
    }
  }
}
