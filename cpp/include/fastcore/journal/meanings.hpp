// What the symbols' numbers of a journal segment stand for. A record may claim any number below
// most_journal_symbols, be it the only one: so the table grows by pages, and memory by what was written.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "fastcore/engine/tick.hpp"

namespace fastcore {

class Meanings {
 public:
  /// What the symbol's number stands for; `no_symbol` for nothing.
  std::uint32_t of(std::uint32_t symbol) const noexcept {
    const std::size_t page = symbol / page_size;
    return page < pages_.size() && pages_[page] != nullptr ? (*pages_[page])[symbol % page_size] : no_symbol;
  }
  void set(std::uint32_t symbol, std::uint32_t meaning) {
    const std::size_t page = symbol / page_size;
    if (page >= pages_.size()) pages_.resize(page + 1);
    if (pages_[page] == nullptr) {
      pages_[page] = std::make_unique<Page>();
      pages_[page]->fill(no_symbol);
    }
    (*pages_[page])[symbol % page_size] = meaning;
  }
  void clear() noexcept { pages_.clear(); }

 private:
  static constexpr std::size_t page_size = 256;
  using Page = std::array<std::uint32_t, page_size>;

  std::vector<std::unique_ptr<Page>> pages_;
};

}  // namespace fastcore
