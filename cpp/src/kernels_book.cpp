// Kernels of what is read from quotes, and of windows of time: all that is compiled for them.
#include "families.hpp"
#include "fastcore/indicators/families.hpp"

namespace fastcore {

void add_book(std::vector<CatalogueEntry>& all) { add_family<Book>("book", all); }
void add_time_windows(std::vector<CatalogueEntry>& all) { add_family<TimeWindows>("time", all); }

}  // namespace fastcore
