// Kernels that keep windows for others to read: not in the catalogue, but in every plan.
#include "fastcore/catalogue.hpp"
#include "fastcore/window/windowed.hpp"

namespace fastcore {

namespace {

template <class Aggregate>
WindowKernel window_kernel() {
  return {&kernel_of<SharedWindow<Aggregate>>(), Aggregate::gives.data(), Aggregate::gives.size()};
}

}  // namespace

const std::vector<WindowKernel>& window_kernels() {
  static const std::vector<WindowKernel> all = {window_kernel<ShiftedSum>(), window_kernel<Moments>(),
                                                window_kernel<Weighted>(), window_kernel<MomentsWeighted>()};
  return all;
}

}  // namespace fastcore
