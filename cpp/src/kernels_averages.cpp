// Kernels of the list Averages, of the overlap family: all that is compiled for it.
#include "families.hpp"
#include "fastcore/indicators/families.hpp"

namespace fastcore {

void add_averages(std::vector<CatalogueEntry>& all) { add_family<Averages>("overlap", all); }

}  // namespace fastcore
