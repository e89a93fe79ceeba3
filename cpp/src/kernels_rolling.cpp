// Kernels of the list Rolling, of the statistics family: all that is compiled for it.
#include "families.hpp"
#include "fastcore/indicators/families.hpp"

namespace fastcore {

void add_rolling(std::vector<CatalogueEntry>& all) { add_family<Rolling>("statistics", all); }

}  // namespace fastcore
