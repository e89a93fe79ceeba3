// Kernels of the list Volatility, of the volatility family: all that is compiled for it.
#include "families.hpp"
#include "fastcore/indicators/families.hpp"

namespace fastcore {

void add_volatility(std::vector<CatalogueEntry>& all) { add_family<Volatility>("volatility", all); }

}  // namespace fastcore
