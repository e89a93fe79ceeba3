// Kernels of the overlap family: all that is compiled for it.
#include "families.hpp"
#include "fastcore/indicators/families.hpp"

namespace fastcore {

void add_overlap(std::vector<CatalogueEntry>& all) { add_family<Overlap>("overlap", all); }

}  // namespace fastcore
