// An engine with a journal in C++: what was acknowledged comes back, what is damaged is told, what was played agrees.
#include <thread>

#include "engines.hpp"
#include "fastcore/engine/log.hpp"
#include "fastcore/engine/recovery.hpp"
#include "fastcore/engine/replay.hpp"
#include "journals.hpp"

using namespace fastcore;
using namespace fastcore::testing;

namespace {

std::unique_ptr<Engine> engine_of(const Policy& policy = {}) {
  ParamValues three{};
  three[0] = 3;
  Engine::Options options;
  options.policy = policy;
  return std::make_unique<Engine>(std::vector<NodeSpec>{node("sma", "SMA", three), node("ema", "EMA", three, "1m")},
                                  options);
}

std::unique_ptr<Engine> logged_engine(const std::string& folder) {
  auto engine = engine_of();
  begin_journal(*engine, std::make_shared<JournalWriter>(folder, small_segments()));
  return engine;
}

void feed(Engine& engine, const char* name, const std::vector<Tick>& ticks, std::size_t from, std::size_t to) {
  const auto symbol = engine.symbol(name);
  for (std::size_t i = from; i < to; ++i) {
    REQUIRE(engine.log()->tick(*symbol, ticks[i]));
    symbol->on_tick(ticks[i]);
  }
}

Recovery recovered(const std::string& folder, OnDamage damage = OnDamage::refuse) {
  return recover(std::make_shared<JournalWriter>(folder, small_segments()), damage);
}

/// Flips a bit in the middle of a segment.
void damage_segment(const std::string& folder, std::uint64_t number) {
  const std::string path = folder + "/" + segment_name(number);
  std::string bytes = slurp(path);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 4);
  spill(path, bytes);
}

}  // namespace

TEST_CASE("an engine comes back from its journal, and goes on in it") {
  const Folder folder;
  const auto ticks = trades(5000, 3);
  auto engine = logged_engine(folder / "j");
  for (std::size_t at = 0; at < ticks.size(); at += 1000) {
    feed(*engine, "A", ticks, at, at + 1000);
    if (at == 2000) checkpoint(*engine);
    const std::string before = engine->snapshot();
    engine.reset();
    Recovery found = recovered(folder / "j");
    CHECK(found.notes.empty());
    CHECK(found.engine->snapshot() == before);
    engine = std::move(found.engine);
  }
}

TEST_CASE("a flip of any byte of a header costs nothing but a note") {
  const Folder folder;
  auto engine = logged_engine(folder / "j");
  feed(*engine, "A", trades(50, 4), 0, 50);
  const std::string before = engine->snapshot();
  engine.reset();
  const std::string path = folder / "j/" + segment_name(1);
  const std::string bytes = slurp(path);
  for (std::size_t at = 0; at < segment_start; ++at) {
    std::string flipped = bytes;
    flipped[at] = static_cast<char>(flipped[at] ^ 0x10);
    spill(path, flipped);
    Recovery found = recovered(folder / "j");
    CHECK(found.engine->snapshot() == before);
    CHECK(found.notes.size() == (at < sizeof(SegmentHeader) ? 1 : 0));
  }
}

TEST_CASE("damage in the middle is refused in a sentence, or passed over when asked to") {
  const Folder folder;
  const auto ticks = trades(3000, 5);
  auto engine = logged_engine(folder / "j");
  feed(*engine, "A", ticks, 0, 3000);
  engine.reset();
  damage_segment(folder / "j", 2);
  const std::string why = why_not([&] { recovered(folder / "j"); });
  CHECK(why.find("is damaged: journal-00000002.fcj, byte ") != std::string::npos);
  CHECK(why.find("is missing") != std::string::npos);
  CHECK(why_not([&] { recovered(folder / "j"); }) == why);  // nothing was changed
  Recovery found = recovered(folder / "j", OnDamage::skip);
  CHECK(found.notes.size() == 1);
  CHECK(found.ticks == 2999);
  CHECK(found.last == 3003);  // three names of the symbol
}

TEST_CASE("a checkpoint behind the damage needs none of it") {
  const Folder folder;
  const auto ticks = trades(3000, 6);
  auto engine = logged_engine(folder / "j");
  feed(*engine, "A", ticks, 0, 2500);
  checkpoint(*engine);
  feed(*engine, "A", ticks, 2500, 3000);
  const std::string before = engine->snapshot();
  engine.reset();
  damage_segment(folder / "j", 1);
  Recovery found = recovered(folder / "j");
  CHECK(found.notes.empty());
  CHECK(found.ticks == 500);
  CHECK(found.engine->snapshot() == before);
}

TEST_CASE("what a loss of power took from the end is left out, and its place is taken anew") {
  const Folder folder;
  const auto ticks = trades(400, 7);
  auto engine = logged_engine(folder / "j");
  feed(*engine, "A", ticks, 0, 200);
  const std::string at_200 = engine->snapshot();
  feed(*engine, "A", ticks, 200, 400);
  const std::string path = folder / "j/" + segment_name(1);
  std::string bytes = slurp(path);
  engine.reset();
  // The mark says that nothing is known to be synced; a page in the middle never came to the disk.
  std::fill_n(bytes.begin() + sizeof(SegmentHeader), sizeof(SyncMark), '\0');
  const std::size_t record = record_bytes(sizeof(TickRecord));
  std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(segment_start + record_bytes(5) + 200 * record), 10 * record,
              '\0');
  spill(path, bytes);
  Recovery found = recovered(folder / "j");
  CHECK(found.engine->snapshot() == at_200);
  REQUIRE(found.notes.size() == 1);
  feed(*found.engine, "A", ticks, 200, 300);
  const std::string after = found.engine->snapshot();
  found.engine.reset();
  Recovery again = recovered(folder / "j");
  CHECK(again.engine->snapshot() == after);
}

TEST_CASE("a damaged snapshot is passed over for the one before it") {
  const Folder folder;
  const auto ticks = trades(300, 8);
  auto engine = logged_engine(folder / "j");
  for (std::size_t at = 0; at < 300; at += 100) {
    feed(*engine, "A", ticks, at, at + 100);
    checkpoint(*engine);
  }
  const std::string before = engine->snapshot();
  engine.reset();
  const auto snapshots = list_snapshots(folder / "j");
  REQUIRE(snapshots.size() == SnapshotRule().kept);
  const std::string newest = folder / "j/" + snapshot_name(snapshots.back());
  std::string bytes = slurp(newest);
  for (std::size_t at = 0; at < bytes.size(); at += 7) {
    std::string flipped = bytes;
    flipped[at] = static_cast<char>(flipped[at] ^ 1);
    spill(newest, flipped);
    Recovery found = recovered(folder / "j");
    REQUIRE(found.notes.size() == 1);
    REQUIRE(found.snapshot == snapshots.front());
    REQUIRE(found.engine->snapshot() == before);
    found.engine.reset();
    std::filesystem::remove(newest + ".refused");
  }
}

TEST_CASE("history is spliced to live ticks by number, and at one time by what they are") {
  Splice splice;
  splice.begin(0, 0);
  for (const std::int64_t ts : {10, 20, 20, 20}) splice.note({start + ts, 5.0, 1.0});
  splice.note({start + 20, 6.0, 1.0});
  splice.go_live();
  CHECK(splice.knows({start + 10, 9.0, 9.0}, 0));       // before the end of the history
  CHECK(splice.knows({start + 20, 5.0, 1.0}, 0));
  CHECK_FALSE(splice.knows({start + 20, 5.0, 2.0}, 0));  // was not in it
  CHECK(splice.knows({start + 20, 6.0, 1.0}, 0));
  CHECK_FALSE(splice.knows({start + 20, 6.0, 1.0}, 0));  // came twice, and was there once
  CHECK_FALSE(splice.knows({start + 24, 5.0, 1.0}, 5));  // with patience it is not over
  CHECK(splice.phase() == Splice::Phase::live);
  CHECK(splice.knows({start + 20, 5.0, 1.0}, 5));
  CHECK_FALSE(splice.knows({start + 26, 5.0, 1.0}, 5));
  CHECK(splice.phase() == Splice::Phase::off);

  Splice numbered;
  numbered.begin(0, 0);
  numbered.note({start, 5.0, 1.0, 70});
  numbered.note({start, 5.0, 1.0, 71});
  numbered.go_live();
  CHECK(numbered.knows({start, 5.0, 1.0, 71}, 0));
  CHECK_FALSE(numbered.knows({start, 5.0, 1.0, 72}, 0));  // the same in all but its number
  CHECK(numbered.knows({start + 1, 5.0, 1.0, 70}, 0));
  CHECK_FALSE(numbered.knows({start + 1, 5.0, 1.0, 73}, 0));
  CHECK(numbered.phase() == Splice::Phase::off);

  Splice none;
  none.begin(0, 0);
  none.go_live();
  CHECK(none.phase() == Splice::Phase::off);
}

TEST_CASE("a history goes on at the very time of the newest tick, by number or by what a history before it had") {
  Splice numbered;
  numbered.begin(start + 20, 7);
  CHECK(numbered.had({start + 20, 5.0, 1.0, 6}));
  CHECK(numbered.had({start + 20, 5.0, 1.0, 7}));
  CHECK_FALSE(numbered.had({start + 20, 5.0, 1.0, 8}));
  CHECK_FALSE(numbered.had({start + 21, 5.0, 1.0, 7}));
  CHECK(numbered.had({start + 20, 5.0, 1.0}));  // has no number, and which had come is not known

  Splice twice;
  twice.begin(0, 0);
  for (const double price : {5.0, 5.0, 6.0}) twice.note({start + 20, price, 1.0});
  twice.go_live();
  twice.begin(start + 20, 0);
  for (const double price : {5.0, 6.0, 5.0}) CHECK(twice.had({start + 20, price, 1.0}));
  CHECK_FALSE(twice.had({start + 20, 5.0, 1.0}));  // a third
  CHECK_FALSE(twice.had({start + 20, 7.0, 1.0}));
  twice.go_live();
  CHECK_FALSE(twice.knows({start + 20, 8.0, 1.0}, 0));  // live, at that time
  twice.begin(start + 20, 0);
  CHECK(twice.had({start + 20, 9.0, 1.0}));
}

TEST_CASE("a symbol behind its history takes the short way again") {
  ParamValues three{};
  three[0] = 3;
  Engine warm({node("sma", "SMA", three)}, {});
  Engine cold({node("sma", "SMA", three)}, {});
  const auto ticks = trades(50, 9);
  warm.begin_history();
  const auto a = warm.symbol("A");
  const auto b = cold.symbol("A");
  for (std::size_t i = 0; i < 30; ++i) a->on_tick(ticks[i]);
  warm.go_live();
  for (std::size_t i = 10; i < 50; ++i) a->on_tick(ticks[i]);
  for (const Tick& tick : ticks) b->on_tick(tick);
  CHECK(a->cells()[0] == b->cells()[0]);
  CHECK(a->ledger().buckets[static_cast<std::size_t>(Outcome::duplicate)] == 20);
  CHECK(warm.snapshot() != cold.snapshot());  // by its ledger
}

TEST_CASE("a player stops before a time, a record, a number of events, and follows a journal as it grows") {
  const Folder folder;
  const auto ticks = trades(500, 11);
  auto engine = logged_engine(folder / "j");
  feed(*engine, "A", ticks, 0, 300);
  const auto into = engine_of();
  JournalPlayer player(*into, folder / "j", 0);
  JournalPlayer::Until until;
  until.events = 0;
  CHECK(player.play(until));
  CHECK(player.next_ts() == ticks[0].ts);
  CHECK(into->find("A") != nullptr);  // made before the first tick
  until.events = 7;
  CHECK(player.play(until));
  CHECK(player.played().ticks() == 7);
  until = {};
  until.sequence = 100;
  CHECK(player.play(until));
  CHECK(player.sequence() == 100);
  until = {};
  until.ts = ticks[150].ts;
  CHECK(player.play(until));
  CHECK(player.ts() == ticks[150].ts);
  CHECK(player.next_ts() > ticks[150].ts);
  CHECK_FALSE(player.play({}));
  CHECK(player.next_ts() == 0);
  CHECK(player.played().ticks() == 300);
  feed(*engine, "A", ticks, 300, 500);
  CHECK_FALSE(player.play({}));
  into->set_sequence(engine->sequence());
  CHECK(into->snapshot() == engine->snapshot());
  CHECK(why_not([&] { JournalPlayer(*engine, folder / "j", 0); }).find("has a journal of its own") !=
        std::string::npos);
}

TEST_CASE("snapshots come by themselves, while the engine goes on") {
  const Folder folder;
  const auto ticks = trades(20'000, 9);
  JournalOptions options = small_segments();
  options.retention.segments = 1;
  options.snapshots = {700, 0, std::chrono::milliseconds(1), true, 3};
  auto engine = engine_of();
  const auto writer = std::make_shared<JournalWriter>(folder / "j", options);
  begin_journal(*engine, writer);
  feed(*engine, "A", ticks, 0, 10'000);
  feed(*engine, "B", ticks, 10'000, 20'000);
  const std::string before = engine->snapshot();
  CHECK(writer->snapshots().failed == 0);
  engine.reset();
  REQUIRE(writer->close());
  const SnapshotCount count = writer->snapshots();  // closing writes what was handed over
  CHECK(count.written >= 2);
  CHECK(count.sequence > 0);
  CHECK(count.failure.empty());
  CHECK(list_snapshots(folder / "j").size() <= 3);
  CHECK(list_snapshots(folder / "j").back() == count.sequence);
  Recovery found = recover(std::make_shared<JournalWriter>(folder / "j", options));
  CHECK(found.notes.empty());
  CHECK(found.snapshot == count.sequence);
  CHECK(found.engine->snapshot() == before);
}

TEST_CASE("a snapshot that cannot be written costs nothing but its file") {
  const Folder folder;
  const auto ticks = trades(4000, 10);
  JournalOptions options = small_segments();
  options.snapshots = {1000, 0, std::chrono::milliseconds(0), true, 2};
  auto engine = engine_of();
  const auto writer = std::make_shared<JournalWriter>(folder / "j", options);
  begin_journal(*engine, writer);
  // Record 1 makes the symbol; the state of the first 1,000 is due before the next.
  std::filesystem::create_directory(folder / "j/" + snapshot_name(1000));
  feed(*engine, "A", ticks, 0, 1500);
  while (writer->snapshots().failed == 0) std::this_thread::yield();
  CHECK(writer->snapshots().failure.find("Is a directory") != std::string::npos);
  CHECK(writer->snapshots().written == 1);
  std::filesystem::remove(folder / "j/" + snapshot_name(1000));
  feed(*engine, "A", ticks, 1500, 4000);
  const std::string before = engine->snapshot();
  engine.reset();
  REQUIRE(writer->close());
  CHECK(writer->snapshots().written >= 2);
  CHECK(writer->snapshots().failure.empty());
  CHECK(recovered(folder / "j").engine->snapshot() == before);
}
