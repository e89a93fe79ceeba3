// A journal's folder: segments and snapshots of any bytes. Whoever opens it to write loses nothing that could be read;
// an engine comes back or a JournalError says why not; what an engine acknowledges then, the next one has, to the bit.
//
// An input is a byte of flags and then files, each a byte that says which one it is, a length of four bytes, and so
// many bytes. The flags say which checksums are set right before, and whether damage is passed over.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "fastcore/engine/log.hpp"
#include "fastcore/engine/recovery.hpp"
#include "fastcore/engine/snapshot.hpp"
#include "fastcore/journal/folder.hpp"
#include "fuzz.hpp"
#include "journals.hpp"

namespace {

using namespace fastcore;
using namespace fastcore::fuzz;

enum Flag : std::uint8_t { headers = 1, records = 2, snapshots = 4, skip = 8 };
constexpr std::uint8_t snapshot_file = 0x80;  // its sequence in the other bits; a segment's number there, from 0
constexpr std::size_t most_files = 6;
constexpr std::int64_t start = 1'700'000'000'000'000'000;

JournalOptions small_segments() {
  JournalOptions options;
  options.durability = Durability::os;
  options.segment_bytes = JournalOptions::least_segment;
  options.snapshots.records = options.snapshots.bytes = 0;
  options.snapshots.interval = std::chrono::milliseconds{0};
  return options;
}

void seal_snapshot(std::string& bytes) {
  if (bytes.size() < 4) return;
  const std::uint32_t sum = crc32c({bytes.data(), bytes.size() - 4});
  std::memcpy(bytes.data() + bytes.size() - 4, &sum, sizeof sum);
}

void unpack(std::string_view input, std::uint8_t flags, const std::string& folder) {
  for (std::size_t files = 0; input.size() >= 5 && files < most_files; ++files) {
    const auto which = static_cast<std::uint8_t>(input[0]);
    std::uint32_t length = 0;
    std::memcpy(&length, input.data() + 1, sizeof length);
    std::string bytes(input.substr(5, length));
    input.remove_prefix(5 + bytes.size());
    if ((which & snapshot_file) != 0) {
      if ((flags & snapshots) != 0) seal_snapshot(bytes);
      put_file(folder + "/" + snapshot_name(which & ~snapshot_file), bytes);
      continue;
    }
    const std::uint64_t number = which + std::uint64_t{1};
    if ((flags & headers) != 0) seal_header(bytes);
    if ((flags & records) != 0) seal_records(bytes, number);
    put_file(folder + "/" + segment_name(number), bytes);
  }
}

/// The files of a journal as an input.
std::string pack(const std::string& folder, std::uint8_t flags) {
  std::string input{static_cast<char>(flags)};
  const auto add = [&](std::uint8_t which, const std::string& name) {
    const std::string bytes = read_whole(folder + "/" + name);
    const auto length = static_cast<std::uint32_t>(bytes.size());
    char head[5] = {static_cast<char>(which)};
    std::memcpy(head + 1, &length, sizeof length);
    input.append(head, sizeof head).append(bytes);
  };
  for (const std::uint64_t sequence : list_snapshots(folder))
    add(static_cast<std::uint8_t>(snapshot_file | sequence), snapshot_name(sequence));
  for (const std::uint64_t number : list_segments(folder))
    add(static_cast<std::uint8_t>(number - 1), segment_name(number));
  return input;
}

struct Record {
  std::uint64_t sequence;
  RecordKind kind;
  std::string payload;
  bool operator==(const Record& other) const {
    return sequence == other.sequence && kind == other.kind && payload == other.payload;
  }
};
struct Reading {
  std::vector<Record> records;
  std::uint64_t last = 0;
};

Reading read_all(const std::string& folder) {
  Reading all;
  JournalReader reader(folder);
  for (;;) {
    const JournalReader::Step step = reader.next();
    if (step == JournalReader::Step::end) break;
    check_step(reader, step, all.records.empty() ? 0 : all.records.back().sequence);
    if (step != JournalReader::Step::record) continue;
    const JournalRecord& record = reader.record();
    all.records.push_back({record.sequence, record.kind, {record.payload, record.bytes}});
  }
  all.last = reader.last();
  return all;
}

std::vector<std::string> snapshots_of(const std::string& folder) {
  std::vector<std::string> all;
  for (const std::uint64_t sequence : list_snapshots(folder))
    all.push_back(read_whole(folder + "/" + snapshot_name(sequence)));
  return all;
}

void feed(Engine& engine, int count) {
  Symbol& symbol = engine.symbols().empty() ? *engine.symbol("A") : *engine.symbols().front();
  const std::int64_t from = std::max(start, symbol.last_ts());
  std::vector<Tick> ticks;
  // A time near the end of all times would be no test of journals.
  for (int i = 0; i < count && from < start * 5; ++i)
    ticks.push_back({from + std::int64_t{20'000'000'000} * i, 100.0 + i % 7, 1.0, 0, 0, 0});
  engine.on_ticks(ticks.data(), ticks.size(), {&symbol}, nullptr, nullptr);
}

/// The engine's state after some more ticks; "" where there is no engine, in words.
std::string gone_on(const std::string& folder, OnDamage damage, int ticks) {
  try {
    Recovery found = recover(std::make_shared<JournalWriter>(folder, small_segments()), damage);
    feed(*found.engine, ticks);
    must(found.engine->log()->journal().close(), "what is closed is on the disk");
    return found.engine->snapshot(true);
  } catch (const JournalError&) {
    return "";
  }
}

/// As `before`, and `more` behind it.
void must_hold(const std::string& folder, const Reading& before, std::size_t more) {
  const Reading after = read_all(folder);
  must(after.records.size() == before.records.size() + more, "a writer loses nothing, and adds what it is given");
  must(std::equal(before.records.begin(), before.records.end(), after.records.begin()), "and changes nothing");
}

void check(const std::string& folder, OnDamage damage) {
  const Reading before = read_all(folder);
  const std::vector<std::string> saved = snapshots_of(folder);
  // Numbers of which no journal has so many: there is no room behind them.
  if (before.last > most_records / 2) return;
  const std::string state = gone_on(folder, damage, 5);
  if (!state.empty()) {
    must(gone_on(folder, damage, 0) == state, "what was acknowledged comes back");
    return;
  }
  must(snapshots_of(folder) == saved, "where there is no engine the snapshots stay");
  must_hold(folder, before, 0);
  {
    JournalWriter writer(folder, small_segments());
    must(writer.note("more") && writer.close(), "a journal without an engine goes on");
  }
  must_hold(folder, before, 1);
}

/// A folder as an engine leaves it that was opened three times, with a snapshot in between.
std::string lived(const Policy& policy, std::uint8_t flags) {
  const Folder folder;
  for (int times = 0; times < 3; ++times) {
    auto journal = std::make_shared<JournalWriter>(folder.path, small_segments());
    std::unique_ptr<Engine> engine;
    if (times == 0) {
      engine = small_engine(policy);
      begin_journal(*engine, std::move(journal));
      engine->symbol("B", &policy);
      engine->begin_history();
    } else {
      engine = recover(std::move(journal)).engine;
    }
    feed(*engine, 4 + times);
    if (times == 1) {
      engine->go_live();
      checkpoint(*engine, true);
      engine->on_gap(Gap::session);
      feed(*engine, 2);
    }
  }
  return pack(folder.path, flags);
}

}  // namespace

std::vector<std::string> fastcore::fuzz::seeds() {
  Policy guarded;
  guarded.order = OrderRule::buffer;
  guarded.duplicates = DuplicateRule::value;
  guarded.lateness = 1'000'000'000;
  guarded.buffer_size = guarded.duplicate_window = 20;
  constexpr std::uint8_t sealed = headers | records | snapshots;
  return {lived({}, 0), lived({}, sealed), lived(guarded, sealed | skip), lived(guarded, skip)};
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {  // NOLINT: libFuzzer's name
  static const Folder folder;
  if (size == 0) return 0;
  for (const auto& file : std::filesystem::directory_iterator(folder.path)) std::filesystem::remove_all(file);
  unpack({reinterpret_cast<const char*>(data) + 1, size - 1}, data[0], folder.path);
  try {
    check(folder.path, (data[0] & skip) != 0 ? OnDamage::skip : OnDamage::refuse);
  } catch (const JournalError&) {
    return 0;  // a newer version, in words
  } catch (const std::bad_alloc&) {
    return 0;
  }
  return 0;
}
