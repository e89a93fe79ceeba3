// What nodes of a plan share: formulas over the same values read one window, patterns of the same bars one block of
// candles.
#include <algorithm>
#include <stdexcept>

#include "plan_build.hpp"

namespace fastcore {

namespace {

bool gives(const WindowKernel& window, const std::set<Number>& needed) {
  const std::set<Number> given(window.gives, window.gives + window.give_count);
  return std::includes(given.begin(), given.end(), needed.begin(), needed.end());
}

const WindowKernel& narrowest_window(const std::set<Number>& needed) {
  for (const WindowKernel& window : window_kernels()) {
    if (gives(window, needed)) return window;
  }
  throw std::logic_error("no window gives all the numbers that its readers need");
}

}  // namespace

void Plan::Build::share_windows() {
  using WindowKey = std::tuple<std::size_t, Cells, std::string_view, int>;  // clock, input, provider, period
  std::map<WindowKey, std::vector<std::size_t>> readers;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const Sharing* const sharing = nodes[i].kernel->sharing;
    if (sharing == nullptr) continue;
    const int period = sharing->period(nodes[i].params);
    const std::string_view provider = sharing->provider == nullptr ? "" : sharing->provider->name;
    readers[{nodes[i].clock, nodes[i].inputs, provider, period}].push_back(i);
  }
  for (const auto& [key, members] : readers) {
    const Kernel* const provider = nodes[members.front()].kernel->sharing->provider;
    const int period = std::get<3>(key);
    if (provider == nullptr) {
      for (const auto& [window, its_readers] : windows_for(members)) add_window(*window, period, its_readers);
      continue;
    }
    const std::uint32_t block = add_provider(*provider, period, members);
    for (const std::size_t i : members) {
      nodes[i].inputs = {block};
      nodes[i].kernel = nodes[i].kernel->sharing->reader;
    }
  }
}

std::map<const WindowKernel*, std::vector<std::size_t>> Plan::Build::windows_for(
    const std::vector<std::size_t>& members) const {
  std::map<const WindowKernel*, std::vector<std::size_t>> chosen;
  for (const WindowKernel& window : window_kernels()) {
    for (const std::size_t i : members) {
      if (kept_window(i) == window.kernel && gives(window, needs({i}))) chosen[&window].push_back(i);
    }
  }
  std::vector<std::size_t> rest;
  for (const std::size_t i : members) {
    const bool served = std::any_of(chosen.begin(), chosen.end(), [&](const auto& one) {
      return std::find(one.second.begin(), one.second.end(), i) != one.second.end();
    });
    if (served) continue;
    const auto wide =
        std::find_if(chosen.begin(), chosen.end(), [&](const auto& one) { return gives(*one.first, needs({i})); });
    (wide != chosen.end() ? wide->second : rest).push_back(i);
  }
  if (!rest.empty()) chosen[&narrowest_window(needs(rest))] = rest;
  return chosen;
}

const Kernel* Plan::Build::kept_window(std::size_t node) const {
  const std::size_t spec = owner[nodes[node].out];
  return spec < kept_windows.size() ? kept_windows[spec] : nullptr;
}

void Plan::Build::add_window(const WindowKernel& window, int period, const std::vector<std::size_t>& its_readers) {
  const std::uint32_t first = add_provider(*window.kernel, period, its_readers);
  for (const std::size_t i : its_readers) {
    const Sharing& sharing = *nodes[i].kernel->sharing;
    for (std::size_t k = 0; k < sharing.need_count; ++k) {
      const Number* const at = std::find(window.gives, window.gives + window.give_count, sharing.needs[k]);
      nodes[i].inputs[k + 1] = first + static_cast<std::uint32_t>(at - window.gives);
    }
    nodes[i].kernel = sharing.reader;
  }
}

std::set<Number> Plan::Build::needs(const std::vector<std::size_t>& members) const {
  std::set<Number> all;
  for (const std::size_t i : members) {
    const Sharing& sharing = *nodes[i].kernel->sharing;
    all.insert(sharing.needs, sharing.needs + sharing.need_count);
  }
  return all;
}

std::uint32_t Plan::Build::add_provider(const Kernel& kernel, int period, const std::vector<std::size_t>& readers) {
  const auto first = static_cast<std::uint32_t>(plan.cell_count_);
  plan.cell_count_ += kernel.cell_count;
  const Node& any = nodes[readers.front()];
  nodes.push_back({&kernel, {static_cast<double>(period)}, any.clock, any.level - 1, any.inputs, first, any.chained});
  return first;
}

}  // namespace fastcore
