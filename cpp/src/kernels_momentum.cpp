// Kernels of the momentum family: all that is compiled for it.
#include "families.hpp"
#include "fastcore/indicators/families.hpp"

namespace fastcore {

void add_momentum(std::vector<CatalogueEntry>& all) { add_family<Momentum>("momentum", all); }

}  // namespace fastcore
