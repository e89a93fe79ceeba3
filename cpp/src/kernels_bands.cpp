// Kernels of the list Bands, of the overlap family: all that is compiled for it.
#include "families.hpp"
#include "fastcore/indicators/families.hpp"

namespace fastcore {

void add_bands(std::vector<CatalogueEntry>& all) { add_family<Bands>("overlap", all); }

}  // namespace fastcore
