// The records of a journal put into an engine again, as they were put in at first.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
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
  void take_event(const JournalReader& reader);
  void take_bar(const JournalReader& reader, Symbol& symbol);

  Engine& engine_;
  std::vector<Symbol*> symbols_;  // by a name's number with the reader
  std::optional<std::pair<std::uint32_t, Policy>> own_;  // of the symbol with that name, which is made next
  std::uint64_t ticks_ = 0;
  std::uint64_t bars_ = 0;
};

/// Plays a journal into an engine piece by piece, past damage, and on as it grows.
class JournalPlayer {
 public:
  /// From the record with sequence `from` on, or the oldest. Throws JournalError, also for an engine that has a
  /// journal itself, which would not hold what is played.
  JournalPlayer(Engine& engine, const std::string& folder, std::uint64_t from);

  struct Until {
    std::int64_t ts = std::numeric_limits<std::int64_t>::max();  ///< the last time of a tick, quote or bar, ns
    std::uint64_t sequence = ~std::uint64_t{0};                  ///< the last record
    std::uint64_t events = ~std::uint64_t{0};                    ///< how many ticks, quotes and bars at most
  };
  /// Plays up to a limit; false at the end of what there is. Throws JournalError for a record that cannot be done.
  bool play(const Until& until);

  /// Time of the tick, quote or bar at which `play` stopped, ns; 0 at the end and where another record comes.
  std::int64_t next_ts() const noexcept { return waiting_ && timed_ ? ts_ : 0; }
  /// Time of the last one played; 0 before the first.
  std::int64_t ts() const noexcept { return played_ts_; }
  /// Sequence of the last record played or passed over.
  std::uint64_t sequence() const noexcept { return sequence_; }
  const JournalReplay& played() const noexcept { return replay_; }
  const JournalReader& reader() const noexcept { return reader_; }
  /// What was passed over, the first hundred places, and how many there were.
  const std::vector<std::string>& damage() const noexcept { return damage_; }
  std::uint64_t damaged() const noexcept { return damaged_; }

 private:
  /// Reads the next record, unless one waits; false at the end.
  bool read();

  JournalReader reader_;
  JournalReplay replay_;
  bool waiting_ = false;  // a record has been read and not played
  bool timed_ = false;    // and it is a tick, a quote or a bar
  std::int64_t ts_ = 0;   // of which this is the time
  std::int64_t played_ts_ = 0;
  std::uint64_t sequence_ = 0;
  std::vector<std::string> damage_;
  std::uint64_t damaged_ = 0;
};

}  // namespace fastcore
