// Kernels of the arithmetic between columns: all that is compiled for it.
#include "fastcore/operators.hpp"

#include "families.hpp"

namespace fastcore {

const std::vector<CatalogueEntry>& operators() {
  static const std::vector<CatalogueEntry> all = [] {
    std::vector<CatalogueEntry> entries;
    add_family<Inputs>("inputs", entries);
    add_family<Operators>("operators", entries);
    return entries;
  }();
  return all;
}

}  // namespace fastcore
