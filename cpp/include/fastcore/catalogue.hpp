// All kernels at run time, in the order of the families: what bindings and tools iterate over.
#pragma once

#include <string_view>
#include <vector>

#include "fastcore/kernel.hpp"

namespace fastcore {

/// A kernel and the family it belongs to.
struct CatalogueEntry {
  const Kernel* kernel;
  const char* family;
};

/// Every indicator, once.
const std::vector<CatalogueEntry>& catalogue();

/// A kernel that keeps a window for others to read, and the numbers it gives.
struct WindowKernel {
  const Kernel* kernel;
  const Number* gives;
  std::size_t give_count;
};

/// All of them, narrowest first.
const std::vector<WindowKernel>& window_kernels();

/// The kernel of that name, or null.
const Kernel* find_kernel(std::string_view name) noexcept;

}  // namespace fastcore
