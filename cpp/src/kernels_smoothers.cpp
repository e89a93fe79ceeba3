// Kernels of averages at a pace of their own, clouds and stops: all that is compiled for them.
#include "families.hpp"
#include "fastcore/indicators/families.hpp"

namespace fastcore {

void add_smoothers(std::vector<CatalogueEntry>& all) { add_family<Smoothers>("overlap", all); }
void add_stops(std::vector<CatalogueEntry>& all) { add_family<Stops>("overlap", all); }

}  // namespace fastcore
