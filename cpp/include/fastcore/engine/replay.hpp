// The records of a journal put into an engine again, as they were put in at first.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "fastcore/engine/engine.hpp"
#include "fastcore/journal/reader.hpp"

namespace fastcore {

class JournalReplay {
 public:
  explicit JournalReplay(Engine& engine) noexcept : engine_(engine) {}

  /// Does what the record says at which the reader is. Throws JournalError for one that cannot be done.
  void take(const JournalReader& reader);

  /// Ticks and quotes, and bars, that were taken to the engine.
  std::uint64_t ticks() const noexcept { return ticks_; }
  std::uint64_t bars() const noexcept { return bars_; }

 private:
  /// The symbol that a record is about, made where there is none; null for a record about none.
  Symbol* symbol(const JournalReader& reader);
  void apply(const JournalReader& reader);
  void take_bar(const JournalReader& reader, Symbol& symbol);

  Engine& engine_;
  std::vector<Symbol*> symbols_;  // by a name's number with the reader
  std::optional<std::pair<std::uint32_t, Policy>> own_;  // of the symbol with that name, which is made next
  std::uint64_t ticks_ = 0;
  std::uint64_t bars_ = 0;
};

}  // namespace fastcore
