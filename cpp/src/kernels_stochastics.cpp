// Kernels of the list Stochastics, of the momentum family: all that is compiled for it.
#include "families.hpp"
#include "fastcore/indicators/families.hpp"

namespace fastcore {

void add_stochastics(std::vector<CatalogueEntry>& all) { add_family<Stochastics>("momentum", all); }

}  // namespace fastcore
