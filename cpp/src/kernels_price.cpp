// Kernels of the list Price, of the price family: all that is compiled for it.
#include "families.hpp"
#include "fastcore/indicators/families.hpp"

namespace fastcore {

void add_price(std::vector<CatalogueEntry>& all) { add_family<Price>("price", all); }

}  // namespace fastcore
