// Kernels of the list Statistics, of the statistics family: all that is compiled for it.
#include "families.hpp"
#include "fastcore/indicators/families.hpp"

namespace fastcore {

void add_statistics(std::vector<CatalogueEntry>& all) { add_family<Statistics>("statistics", all); }

}  // namespace fastcore
