// Kernels of the list Cycle, of the cycle family: all that is compiled for it.
#include "families.hpp"
#include "fastcore/indicators/families.hpp"

namespace fastcore {

void add_cycle(std::vector<CatalogueEntry>& all) { add_family<Cycle>("cycle", all); }

}  // namespace fastcore
