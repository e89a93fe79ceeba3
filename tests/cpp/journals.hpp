// What the journal's tests share: a folder that goes away, ticks to write, and what a reader makes of a folder.
#pragma once

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "fastcore/journal/reader.hpp"
#include "fastcore/journal/writer.hpp"

namespace fastcore::testing {

/// A folder for one test.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "fastcore-test-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { std::filesystem::remove_all(path_); }
  /// A path in it, which need not be there.
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

inline JournalOptions small_segments(Durability durability = Durability::os) {
  JournalOptions options;
  options.durability = durability;
  options.segment_bytes = JournalOptions::least_segment;
  return options;
}

inline TickRecord tick_record(std::uint32_t symbol, std::int64_t i) {
  return {1'700'000'000'000'000'000 + i, 100.0 + 0.25 * static_cast<double>(i % 9), 1.0, i, symbol, 1, {}};
}

/// Appends ticks number `from` to `to - 1` of a symbol.
inline void write_ticks(JournalWriter& writer, const std::string& name, std::int64_t from, std::int64_t to) {
  const std::uint32_t symbol = writer.symbol(name);
  for (std::int64_t i = from; i < to; ++i) {
    const TickRecord tick = tick_record(symbol, i);
    REQUIRE_MESSAGE(writer.put(RecordKind::tick, symbol, &tick, sizeof tick), writer.failure());
    REQUIRE(writer.commit());
  }
}

/// A journal as a reader finds it.
struct Reading {
  std::vector<std::int64_t> ids;  // of the ticks
  std::vector<std::uint64_t> sequences;
  std::vector<std::string> names;  // of the ticks' symbols
  std::vector<std::string> notes;
  std::vector<std::string> made;
  std::vector<JournalDamage> damage;
  std::uint64_t last = 0;
  std::uint64_t torn = 0;
};

inline Reading read_journal(const std::string& folder, std::uint64_t from = 0) {
  Reading all;
  JournalReader reader(folder, from);
  for (;;) {
    const JournalReader::Step step = reader.next();
    if (step == JournalReader::Step::end) break;
    if (step == JournalReader::Step::damage) {
      all.damage.push_back(reader.damage());
      continue;
    }
    const JournalRecord& record = reader.record();
    all.sequences.push_back(record.sequence);
    if (record.kind == RecordKind::tick) {
      TickRecord tick;
      std::memcpy(&tick, record.payload, sizeof tick);
      const TickRecord written = tick_record(tick.symbol, tick.id);
      REQUIRE(std::memcmp(&tick, &written, sizeof tick) == 0);
      all.ids.push_back(tick.id);
      all.names.push_back(reader.names()[reader.subject()]);
    }
    if (record.kind == RecordKind::note) all.notes.emplace_back(record.payload, record.bytes);
    if (record.kind == RecordKind::make) all.made.push_back(reader.names()[reader.subject()]);
  }
  all.last = reader.last();
  all.torn = reader.torn();
  return all;
}

inline std::vector<std::int64_t> range(std::int64_t from, std::int64_t to) {
  std::vector<std::int64_t> all;
  for (std::int64_t i = from; i < to; ++i) all.push_back(i);
  return all;
}

inline std::string slurp(const std::string& path) { return read_whole(path); }
inline void spill(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

/// The sentence of the JournalError that a call ends with; "" for none.
template <class Call>
std::string why_not(const Call& call) {
  try {
    call();
  } catch (const JournalError& error) {
    return error.what();
  }
  return "";
}

}  // namespace fastcore::testing
