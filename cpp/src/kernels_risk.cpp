// Kernels of volatilities and measures of risk: all that is compiled for them.
#include "families.hpp"
#include "fastcore/indicators/families.hpp"

namespace fastcore {

void add_risk(std::vector<CatalogueEntry>& all) { add_family<Risk>("statistics", all); }
void add_volatilities(std::vector<CatalogueEntry>& all) { add_family<Volatilities>("volatility", all); }

}  // namespace fastcore
