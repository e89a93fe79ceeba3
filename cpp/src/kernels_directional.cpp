// Kernels of the list Directional, of the momentum family: all that is compiled for it.
#include "families.hpp"
#include "fastcore/indicators/families.hpp"

namespace fastcore {

void add_directional(std::vector<CatalogueEntry>& all) { add_family<Directional>("momentum", all); }

}  // namespace fastcore
