// An engine with a journal after a crash: the newest good snapshot, and what the journal holds behind it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "fastcore/engine/engine.hpp"
#include "fastcore/journal/writer.hpp"

namespace fastcore {

/// Writes the engine's state beside its journal, whole or not at all, and lets go of what is not needed any
/// more: of snapshots the newest two stay, of the journal what is behind the older of them. Rows and bars that were
/// are in it only with `history`. Returns the path; throws JournalError.
std::string checkpoint(Engine& engine, bool history = false);

/// Attaches a journal to an engine, and writes the state from which the journal goes on. The journal must be
/// new, or hold just what the engine does. Throws JournalError; the engine is as it was then.
void begin_journal(Engine& engine, std::shared_ptr<JournalWriter> journal);

/// What to do where records that were promised are gone.
enum class OnDamage : std::uint8_t {
  refuse,  ///< say what is missing, and give no engine
  skip,    ///< go on behind it
};

struct Recovery {
  std::unique_ptr<Engine> engine;  ///< with the journal attached
  std::uint64_t snapshot = 0;      ///< sequence of the snapshot from which it came
  std::uint64_t last = 0;          ///< sequence of the last record that it holds
  std::uint64_t ticks = 0;         ///< taken from the journal behind the snapshot
  std::uint64_t bars = 0;          ///< and bars
  std::vector<std::string> notes;  ///< what was passed over, and why: sentences
};

/// The engine whose journal this is, as it was acknowledged; nothing may have been put into it since it was opened.
/// Throws JournalError, and changes nothing in the folder then.
Recovery recover(std::shared_ptr<JournalWriter> journal, OnDamage damage = OnDamage::refuse);

}  // namespace fastcore
