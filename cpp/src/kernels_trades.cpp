// Kernels of what is read from trades: all that is compiled for them.
#include "families.hpp"
#include "fastcore/indicators/families.hpp"

namespace fastcore {

void add_trades(std::vector<CatalogueEntry>& all) { add_family<Trades>("trades", all); }

}  // namespace fastcore
