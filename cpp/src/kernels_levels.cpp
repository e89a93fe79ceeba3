// Kernels of levels and turning points, and of flows of volume: all that is compiled for them.
#include "families.hpp"
#include "fastcore/indicators/families.hpp"

namespace fastcore {

void add_levels(std::vector<CatalogueEntry>& all) { add_family<Levels>("levels", all); }
void add_profiles(std::vector<CatalogueEntry>& all) { add_family<Profiles>("volume", all); }

}  // namespace fastcore
