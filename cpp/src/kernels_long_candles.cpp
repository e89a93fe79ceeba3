// Kernels of the patterns of three candles and more: all that is compiled for them.
#include "families.hpp"
#include "fastcore/indicators/families.hpp"

namespace fastcore {

void add_long_candles(std::vector<CatalogueEntry>& all) {
  add_family<CandlesOfThree>("candles", all);
  add_family<CandlesOfMore>("candles", all);
}

}  // namespace fastcore
