// Kernels of the list Oscillators, of the momentum family: all that is compiled for it.
#include "families.hpp"
#include "fastcore/indicators/families.hpp"

namespace fastcore {

void add_oscillators(std::vector<CatalogueEntry>& all) { add_family<Oscillators>("momentum", all); }

}  // namespace fastcore
