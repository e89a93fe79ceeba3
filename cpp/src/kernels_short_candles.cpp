// Kernels of the patterns of one and two candles: all that is compiled for them.
#include "families.hpp"
#include "fastcore/indicators/families.hpp"

namespace fastcore {

void add_short_candles(std::vector<CatalogueEntry>& all) {
  add_family<CandlesOfOne>("candles", all);
  add_family<CandlesOfTwo>("candles", all);
}

}  // namespace fastcore
