// Kernels of oscillators that look for turns: all that is compiled for them.
#include "families.hpp"
#include "fastcore/indicators/families.hpp"

namespace fastcore {

void add_turns(std::vector<CatalogueEntry>& all) { add_family<Turns>("momentum", all); }

}  // namespace fastcore
