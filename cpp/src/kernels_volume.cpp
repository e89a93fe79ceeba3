// Kernels of the list Volume, of the volume family: all that is compiled for it.
#include "families.hpp"
#include "fastcore/indicators/families.hpp"

namespace fastcore {

void add_volume(std::vector<CatalogueEntry>& all) { add_family<Volume>("volume", all); }

}  // namespace fastcore
