// Snapshots beside a journal, and the way back from both.
#include "fastcore/engine/recovery.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <optional>

#include "fastcore/engine/log.hpp"
#include "fastcore/engine/replay.hpp"
#include "fastcore/journal/folder.hpp"

namespace fastcore {

namespace {

/// The engine of the newest snapshot that can be read.
struct Found {
  std::unique_ptr<Engine> engine;
  std::uint64_t sequence = 0;
  std::vector<std::string> refused;  // paths of newer ones
  std::vector<std::string> notes;
};

Found newest_snapshot(const std::string& folder) {
  Found found;
  std::vector<std::uint64_t> all = list_snapshots(folder);
  if (all.empty()) throw JournalError("the journal " + folder + " holds no snapshot: no engine was attached to it");
  while (!all.empty()) {
    const std::string path = folder + "/" + snapshot_name(all.back());
    try {
      found.engine = Engine::restore(read_whole(path));
      found.sequence = all.back();
      if (found.engine->sequence() == found.sequence) return found;
      found.notes.push_back(path + " is passed over: it holds sequence " + std::to_string(found.engine->sequence()));
    } catch (const SnapshotError& error) {
      found.notes.push_back(path + " is passed over: " + error.what());
    }
    found.refused.push_back(path);
    all.pop_back();
  }
  throw JournalError("none of the snapshots of the journal " + folder + " can be read: " + found.notes.back());
}

/// Whether bytes of the journal were known to be on the disk.
bool promised(const JournalReader& reader, const JournalDamage& damage) {
  for (const SegmentInfo& one : reader.segments()) {
    if (one.number == damage.segment) return one.mark.used > damage.offset || one.header != HeaderState::sound;
  }
  return true;
}

}  // namespace

std::string checkpoint(Engine& engine, bool history) {
  if (engine.log() == nullptr) throw JournalError("a checkpoint needs a journal: attach one");
  return engine.log()->journal().write_snapshot(engine.snapshot(history));
}

void begin_journal(Engine& engine, std::shared_ptr<JournalWriter> journal) {
  if (engine.log() != nullptr)
    throw JournalError("the engine has a journal already: " + engine.log()->journal().folder());
  if (journal->sequence() != 0 && journal->sequence() != engine.sequence()) {
    throw JournalError("the journal " + journal->folder() + " holds records up to " +
                       std::to_string(journal->sequence()) + ", the engine is at " + std::to_string(engine.sequence()) +
                       ": get the engine back with Engine.recover, or take a new folder");
  }
  const std::uint64_t before = engine.sequence();
  engine.attach(std::move(journal));
  try {
    checkpoint(engine, true);
  } catch (...) {
    engine.detach();
    engine.set_sequence(before);
    throw;
  }
}

Recovery recover(std::shared_ptr<JournalWriter> journal, OnDamage damage) {
  const std::string& folder = journal->folder();
  if (journal->closed()) throw JournalError("the journal " + folder + " is closed");
  if (journal->begun())
    throw JournalError("the journal " + folder + " has been written to since it was opened: recover comes first");
  Found found = newest_snapshot(folder);
  Recovery result;
  result.snapshot = found.sequence;
  result.notes = std::move(found.notes);
  Engine& engine = *found.engine;
  JournalReplay replay(engine);
  JournalReader reader(folder, found.sequence + 1);
  std::optional<std::uint64_t> cut;
  while (!cut) {
    const JournalReader::Step step = reader.next();
    if (step == JournalReader::Step::end) break;
    if (step == JournalReader::Step::record) {
      replay.take(reader);
      continue;
    }
    const JournalDamage& wrong = reader.damage();
    result.notes.push_back(wrong.text());
    if (wrong.missing == 0) continue;
    if (!promised(reader, wrong)) {
      // A loss of power may take any page that was not on the disk yet: what counts is what lies before.
      cut = wrong.first_missing - 1;
    } else if (damage == OnDamage::refuse) {
      throw JournalError("the journal " + folder + " is damaged: " + wrong.text());
    }
  }
  result.last = std::max(found.sequence, cut.value_or(reader.last()));
  result.ticks = replay.ticks();
  result.bars = replay.bars();
  for (const std::string& path : found.refused) std::rename(path.c_str(), (path + ".refused").c_str());
  journal->go_on_behind(result.last);
  engine.attach(std::move(journal));
  engine.log()->journal().forget_old_snapshots();
  result.engine = std::move(found.engine);
  return result;
}

}  // namespace fastcore
