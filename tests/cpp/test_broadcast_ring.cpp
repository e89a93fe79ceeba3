// The ring as readers and writers of several processes use it: laps, batches, the table of latest rows, and every
// way for a process to end.
#include <chrono>
#include <thread>

#include "fastcore/ipc/wait.hpp"
#include "shm_support.hpp"
#include "support.hpp"

using namespace fastcore;
using namespace fastcore::testing;

namespace {

constexpr std::uint64_t second = 1'000'000'000;

/// A segment in this process, as files make it, with a writer and readers at will.
struct Desk {
  explicit Desk(std::uint64_t capacity, std::uint32_t keys = 0)
      : owned(create_segment(folder.path(), "desk", notes(capacity, keys))), writer(base(), owned.spec) {}

  unsigned char* base() const { return owned.mapping->base(); }
  RingReader<> reader() const { return RingReader<>(base(), owned.spec); }
  /// Publishes the notes from the next on, up to `end`.
  void publish_to(std::uint64_t end) {
    std::vector<Note> batch;
    for (std::uint64_t i = writer.next(); i < end; ++i) batch.push_back(note_of(i, keys()));
    writer.publish(batch.data(), batch.size());
  }
  /// Publishes the next note as the words of a slot.
  void publish_words() {
    const Note note = note_of(writer.next(), keys());
    std::uint64_t words[sizeof note / 8];
    std::memcpy(words, &note, sizeof note);
    writer.publish_words(words);
  }
  std::uint32_t keys() const { return std::max(1U, owned.spec.rows); }

  MemoryFolder folder;
  OwnedSegment owned;
  RingWriter<> writer;
};

/// Kills its own process at one step.
int steps_left = 0;
struct Killed : LanePolicy {
  static void pause(LaneStep) noexcept {
    if (--steps_left == 0) raise(SIGKILL);
  }
};

}  // namespace

TEST_CASE("readers get every message in order, each at its own pace") {
  Desk desk(64);
  Random random(3);
  std::vector<RingReader<>> readers(3, desk.reader());
  std::vector<Note> got(64);
  for (int round = 0; round < 500; ++round) {
    desk.publish_to(desk.writer.next() + static_cast<std::uint64_t>(whole(random, 0, 20)));
    for (std::size_t i = 0; i < readers.size(); ++i) {
      RingReader<>& reader = readers[i];
      while (reader.next() + (i == 0 ? 0 : 20) < reader.end()) {
        const std::uint64_t next = reader.next();
        const Got result = reader.read(got.data(), i == 2 ? 7 : 64);
        REQUIRE(result.kind == Got::Kind::data);
        REQUIRE(result.first == next);
        for (std::uint64_t k = 0; k < result.count; ++k) REQUIRE(is_note(got[k], next + k, 1));
      }
    }
  }
  CHECK(readers[0].read(got.data(), 64).kind == Got::Kind::empty);
}

TEST_CASE("a reader that was lapped is told exactly what it missed, and goes on behind it") {
  for (const std::uint64_t capacity : {1U, 2U, 8U, 64U}) {
    CAPTURE(capacity);
    Desk desk(capacity);
    Random random(capacity);
    RingReader<> reader = desk.reader();
    std::uint64_t seen = 0;
    std::uint64_t missed = 0;
    std::vector<Note> got(64);
    for (int round = 0; round < 300; ++round) {
      desk.publish_to(desk.writer.next() +
                      static_cast<std::uint64_t>(whole(random, 0, static_cast<int>(3 * capacity))));
      for (;;) {
        const Got result = reader.read(got.data(), 64);
        if (result.kind == Got::Kind::empty) break;
        REQUIRE(result.first == seen + missed);
        REQUIRE(result.count > 0);
        (result.kind == Got::Kind::data ? seen : missed) += result.count;
        if (result.kind == Got::Kind::data) {
          for (std::uint64_t k = 0; k < result.count; ++k) REQUIRE(is_note(got[k], result.first + k, 1));
        }
      }
      REQUIRE(seen + missed == desk.writer.next());
    }
    CHECK(missed > 0);
    CHECK(seen > 0);
  }
}

TEST_CASE("messages taken one by one are those that are read, and what was missed is left to look") {
  Desk desk(8);
  Random random(11);
  RingReader<> reader = desk.reader();
  std::uint64_t seen = 0;
  std::uint64_t missed = 0;
  for (int round = 0; round < 500; ++round) {
    desk.publish_to(desk.writer.next() + static_cast<std::uint64_t>(whole(random, 0, 12)));
    if (round % 3 == 0) desk.publish_words();
    if (round % 97 == 0) desk.writer.skip(desk.writer.next() + 3);
    while (true) {
      const std::uint64_t next = reader.next();
      std::uint64_t words[sizeof(Note) / 8];
      if (reader.take(words)) {
        Note note;
        std::memcpy(&note, words, sizeof note);
        REQUIRE(is_note(note, next, 1));
        REQUIRE(reader.next() == next + 1);
        ++seen;
        continue;
      }
      REQUIRE(reader.next() == next);
      const Got there = reader.look(1);
      if (there.kind == Got::Kind::empty) break;
      REQUIRE(there.kind == Got::Kind::lapped);
      REQUIRE(there.first == next);
      missed += there.count;
    }
  }
  CHECK(missed > 100);
  CHECK(seen > 1000);
  CHECK(seen + missed == desk.writer.next());
}

TEST_CASE("a look at live memory holds until the writer comes round, and says when it no longer does") {
  Desk desk(8);
  desk.publish_to(5);
  RingReader<> reader = desk.reader();
  reader.seek(0);
  const Got got = reader.look(100, true);
  REQUIRE(got.kind == Got::Kind::data);
  CHECK(got.count == 5);
  Note first{};
  std::memcpy(&first, reader.slot(0), sizeof first);
  CHECK(is_note(first, 0, 1));
  desk.publish_to(8);
  CHECK(reader.intact(0));
  desk.publish_to(9);
  CHECK_FALSE(reader.intact(0));
  CHECK(reader.intact(1));
  reader.seek(6);
  CHECK(reader.look(100, true).count == 2);  // up to where the memory ends
  CHECK(reader.look(100, false).count == 3);
}

TEST_CASE("the table has the newest message of each key, and none where none has come") {
  Desk desk(4, 5);
  RingReader<> reader = desk.reader();
  Note got{};
  CHECK_FALSE(reader.newest(&got));
  for (std::uint32_t key = 0; key < 5; ++key) CHECK_FALSE(reader.newest_of(key, &got));
  desk.publish_to(3);
  for (std::uint32_t key = 0; key < 5; ++key) {
    REQUIRE(reader.newest_of(key, &got) == (key < 3));
    if (key < 3) CHECK(is_note(got, key, 5));
  }
  desk.publish_to(123);
  for (std::uint64_t sequence = 118; sequence < 123; ++sequence) {
    REQUIRE(reader.newest_of(static_cast<std::uint32_t>(sequence % 5), &got));
    CHECK(is_note(got, sequence, 5));
  }
  REQUIRE(reader.newest(&got));
  CHECK(is_note(got, 122, 5));
  desk.publish_words();
  REQUIRE(reader.newest_of(3, &got));
  CHECK(is_note(got, 123, 5));
  Note stranger = note_of(123, 5);
  stranger.key = 5;
  CHECK_FALSE(desk.writer.keys_fit(&stranger, 1));
}

TEST_CASE("rows have names") {
  const Desk desk(4, 3);
  RingWriter<> writer(desk.base(), desk.owned.spec);
  const RingReader<> reader = desk.reader();
  CHECK(reader.names() == 0);
  CHECK(writer.name_row("BTCUSDT") == 0);
  CHECK(writer.name_row(std::string(63, 'x')) == 1);
  REQUIRE(reader.names() == 2);
  CHECK(reader.name(0) == "BTCUSDT");
  CHECK(reader.name(1) == std::string(63, 'x'));
}

TEST_CASE("sequences that are left out are missed by readers as if they had been lapped") {
  Desk desk(8);
  desk.publish_to(3);
  RingReader<> reader = desk.reader();
  Note got{};
  desk.writer.skip(1000);
  Got result = reader.read(&got, 1);
  CHECK(result.kind == Got::Kind::lapped);
  CHECK(result.first == 3);
  CHECK(result.count == 997);
  CHECK_FALSE(reader.newest(&got));
  CHECK(reader.oldest() == 1000);
  desk.publish_to(1001);
  result = reader.read(&got, 1);
  CHECK(result.kind == Got::Kind::data);
  CHECK(is_note(got, 1000, 1));
}

TEST_CASE("marks that somebody has spoilt lead a reader nowhere but round its own memory") {
  Desk desk(8, 2);
  desk.publish_to(20);
  auto& live = *reinterpret_cast<SegmentLive*>(desk.base() + SegmentLayout::live_at);
  Random random(8);
  std::vector<Note> got(8);
  for (int round = 0; round < 2000; ++round) {
    for (Word* word : {&live.marks.begun, &live.marks.done, &live.floor, &live.names})
      word->store(random() >> whole(random, 0, 63));
    RingReader<> reader = desk.reader();
    reader.seek(random() >> whole(random, 0, 63));
    for (int i = 0; i < 3; ++i) reader.read(got.data(), 8);
    reader.newest(got.data(), 3);
    reader.newest_of(1, got.data());
    CHECK(reader.names() <= 2);
  }
}

TEST_CASE("a writer killed at any step leaves a ring whose next writer goes on, and readers without a torn message") {
  constexpr std::uint32_t keys = 3;
  constexpr std::uint64_t before = 6;
  for (int step = 1; step <= 40; ++step) {
    CAPTURE(step);
    const MemoryFolder folder;
    const pid_t child = start([&] {
      const OwnedSegment owned = create_segment(folder.path(), "desk", notes(4, keys));
      steps_left = 1 << 30;
      RingWriter<Killed> writer(owned.mapping->base(), owned.spec);
      for (std::uint64_t i = 0; i < 20; ++i) {
        if (i == before) steps_left = step;
        const Note note = note_of(i, keys);
        writer.publish(&note, 1);
      }
    });
    REQUIRE(end_of(child) == SIGKILL);
    const OwnedSegment seen = attach_segment(folder.path(), "desk");
    CHECK_FALSE(has_writer(*seen.mapping));
    RingReader<> reader(seen.mapping->base(), seen.spec);
    const std::uint64_t reached = reader.end();
    CHECK(reached == before + static_cast<std::uint64_t>(step - 1) / 6);  // three steps in the table, three in the ring
    const auto all_whole = [&] {
      reader.seek(0);
      Note got{};
      std::uint64_t there = 0;
      for (Got result = reader.read(&got, 1); result.kind != Got::Kind::empty; result = reader.read(&got, 1)) {
        if (result.kind == Got::Kind::lapped) continue;
        REQUIRE(is_note(got, result.first, keys));
        ++there;
      }
      for (std::uint32_t key = 0; key < keys; ++key) {
        REQUIRE(reader.newest_of(key, &got));
        REQUIRE(is_note(got, got.sequence, keys));
        REQUIRE(got.key == key);
        REQUIRE(got.sequence + keys >= reader.end());
      }
      return there;
    };
    CHECK(all_whole() > 0);
    const OwnedSegment next = create_segment(folder.path(), "desk", notes(4, keys));
    REQUIRE(next.taken_over);
    RingWriter<> writer(next.mapping->base(), next.spec);
    CHECK(writer.next() == reached);
    for (std::uint64_t i = reached; i < reached + 9; ++i) {
      const Note note = note_of(i, keys);
      writer.publish(&note, 1);
      CHECK(all_whole() > 0);
    }
    CHECK(all_whole() == 2);  // of four slots, by the half that a lapped reader jumps
  }
}

TEST_CASE("a reader killed at any step changes nothing") {
  const Desk desk(4, 3);
  RingWriter<> writer(desk.base(), desk.owned.spec);
  const auto publish = [&] {
    const Note note = note_of(writer.next(), 3);
    writer.publish(&note, 1);
  };
  for (int i = 0; i < 4; ++i) publish();
  for (int step = 1; step <= 6; ++step) {
    CAPTURE(step);
    const std::vector<unsigned char> before(desk.base(), desk.base() + desk.owned.mapping->bytes());
    const pid_t child = start([&] {
      const OwnedSegment seen = attach_segment(desk.folder.path(), "desk");
      RingReader<Killed> reader(seen.mapping->base(), seen.spec);
      reader.seek(reader.end() - 1);
      steps_left = step;
      Note got{};
      reader.read(&got, 1);
      reader.newest_of(0, &got);
    });
    REQUIRE(end_of(child) == SIGKILL);
    CHECK(std::memcmp(before.data(), desk.base(), before.size()) == 0);
    publish();
    Note got{};
    REQUIRE(desk.reader().newest(&got));
    CHECK(is_note(got, writer.next() - 1, 3));
  }
}

TEST_CASE("a reader cannot write to the ring") {
  const Desk desk(4);
  const pid_t child = start([&] {
    std::signal(SIGSEGV, SIG_DFL);
    const OwnedSegment seen = attach_segment(desk.folder.path(), "desk");
    seen.mapping->base()[SegmentLayout::live_at] = 1;
  });
  CHECK(end_of(child) != 0);
}

TEST_CASE("every way of waiting ends with a message, with the time, or with the ring") {
  Desk desk(8);
  auto& live = *reinterpret_cast<SegmentLive*>(desk.base() + SegmentLayout::live_at);
  auto* const bell = reinterpret_cast<SegmentBell*>(desk.base() + SegmentLayout::bell_at);
  for (const Waiting how : {Waiting::spin, Waiting::yield, Waiting::sleep}) {
    for (SegmentBell* const asked : {bell, static_cast<SegmentBell*>(nullptr)}) {
      CAPTURE(static_cast<int>(how));
      const std::uint64_t next = desk.writer.next();
      CHECK_FALSE(wait_for(live, asked, next, how, 100'000));
      CHECK((next == 0 || wait_for(live, asked, next - 1, how, 0)));
      bool came = false;
      std::thread other([&] { came = wait_for(live, asked, next, how, 60 * second); });
      if (how == Waiting::sleep && asked != nullptr) {
        while (asked->rung.load() == 0) std::this_thread::yield();  // it is about to sleep
      }
      desk.publish_to(next + 1);
      other.join();
      CHECK(came);
    }
  }
  bool came = true;
  std::thread other([&] { came = wait_for(live, bell, desk.writer.next(), Waiting::sleep, 60 * second); });
  desk.writer.finish(SegmentState::closed);
  other.join();
  CHECK_FALSE(came);
}

TEST_CASE("a reader killed in its sleep costs the writer one call and no more") {
  Desk desk(8);
  auto* const bell = reinterpret_cast<SegmentBell*>(desk.base() + SegmentLayout::bell_at);
  const pid_t child = start([&] {
    const auto& live = *reinterpret_cast<const SegmentLive*>(desk.base() + SegmentLayout::live_at);
    wait_for(live, bell, 0, Waiting::sleep, 60 * second);
  });
  while (bell->rung.load() == 0) std::this_thread::yield();
  kill(child, SIGKILL);
  CHECK(end_of(child) == SIGKILL);
  desk.publish_to(1);
  CHECK(bell->rung.load() == 0);
}

TEST_CASE("readers in other threads take only whole messages, in order, from a writer that never waits") {
  Desk desk(512, 2);
  constexpr int wanted = 5'000;
  std::atomic<int> at_work{2};
  std::array<bool, 2> good{true, true};
  std::array<std::thread, 2> others;
  for (std::size_t i = 0; i < others.size(); ++i) {
    others[i] = std::thread([&, i] {
      RingReader<> reader = desk.reader();
      std::uint64_t expected = reader.next();
      std::array<Note, 4> got{};
      for (int count = 0; count < wanted;) {
        const Got result = reader.read(got.data(), got.size());
        if (result.kind == Got::Kind::empty) continue;
        good[i] = good[i] && result.first == expected;
        expected = result.first + result.count;
        if (result.kind == Got::Kind::lapped) continue;
        for (std::uint64_t k = 0; k < result.count; ++k) good[i] = good[i] && is_note(got[k], result.first + k, 2);
        Note latest{};
        if (reader.newest_of(0, &latest)) good[i] = good[i] && is_note(latest, latest.sequence, 2);
        count += static_cast<int>(result.count);
      }
      --at_work;
    });
  }
  while (at_work.load() > 0) {
    const Note note = note_of(desk.writer.next(), 2);
    desk.writer.publish(&note, 1);
  }
  for (std::thread& other : others) other.join();
  CHECK(good[0]);
  CHECK(good[1]);
}
