// The lane's promise, at every interleaving: what a reader takes for whole is whole, and is the message that it
// asked for. Chance alone cannot show it (a reader without its second look passes hours of stress), so the
// steps are dealt out: the writer is stopped anywhere between any two steps of the reader. The same dealing
// must catch the lanes that are wrong on purpose.
#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "fastcore/ipc/lane.hpp"
#include "support.hpp"

using namespace fastcore;
using namespace fastcore::testing;

namespace {

constexpr std::size_t words = 3;
using Message = std::array<std::uint64_t, words>;

/// A message that shows which one it is in each of its words.
Message message_of(std::uint64_t sequence) { return {sequence * 3 + 1, sequence * 5 + 2, sequence * 7 + 3}; }

/// Lets a writer on another thread go as many steps as it is told, and not one more.
class Gate {
 public:
  /// The writer's side: one step is about to be made.
  void pass() {
    std::unique_lock<std::mutex> lock(mutex_);
    ++arrived_;
    moved_.notify_all();
    moved_.wait(lock, [&] { return arrived_ <= allowed_; });
  }
  void finish() {
    const std::lock_guard<std::mutex> lock(mutex_);
    finished_ = true;
    moved_.notify_all();
  }
  /// The reader's side: returns when the writer has made `steps` since the beginning and waits for more.
  void advance(int steps) {
    std::unique_lock<std::mutex> lock(mutex_);
    allowed_ = std::max(allowed_, steps);
    moved_.notify_all();
    moved_.wait(lock, [&] { return finished_ || arrived_ > allowed_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable moved_;
  int allowed_ = 0;
  int arrived_ = 0;
  bool finished_ = false;
};

Gate* gate = nullptr;                 // of the schedule that runs
std::array<int, 3> stops{};           // where the writer is at each of the reader's steps
constexpr int steps_of_a_message = 3;

template <bool announces_before, bool looks_after>
struct Dealt {
  static constexpr bool announces = announces_before;
  static constexpr bool checks_after = looks_after;
  static void pause(LaneStep step) noexcept {
    if (step <= LaneStep::write_copied) {
      gate->pass();
    } else {
      gate->advance(stops[static_cast<std::size_t>(step) - static_cast<std::size_t>(LaneStep::read_looked)]);
    }
  }
};

struct Tally {
  int schedules = 0;
  int whole = 0;
  int refused = 0;
  int torn = 0;      // taken for whole, and is not
  int needless = 0;  // refused, though no slot of it had been begun anew
};

/// Reads message `wanted` while the writer goes from `before` whole messages to `after`, at one dealing of steps: both
/// by bytes, or both by words.
template <class Policy, bool by_words>
void play(std::uint64_t capacity, std::uint64_t before, std::uint64_t after, std::uint64_t wanted, Tally& tally) {
  LaneMarks marks{};
  std::vector<Word> slots(capacity * words);
  const LaneShape shape{capacity, sizeof(Message)};
  LaneWriter<LanePolicy> first(marks, slots.data(), shape);
  for (std::uint64_t i = 0; i < before; ++i) first.write(message_of(i).data());
  Gate here;
  gate = &here;
  std::thread other([&] {
    here.pass();
    LaneWriter<Policy> writer(marks, slots.data(), shape);
    for (std::uint64_t i = before; i < after; ++i) {
      if constexpr (by_words) {
        writer.write_words(message_of(i).data());
      } else {
        writer.write(message_of(i).data());
      }
    }
    here.finish();
  });
  Message got{};
  const LaneReader<Policy> reader(marks, slots.data(), shape);
  const bool taken = by_words ? reader.copy_words(wanted, got.data()) : reader.copy(wanted, 1, got.data());
  const std::uint64_t begun = marks.begun.load();
  here.advance(1 << 20);
  other.join();
  ++tally.schedules;
  if (taken) {
    ++(got == message_of(wanted) ? tally.whole : tally.torn);
  } else {
    ++tally.refused;
    tally.needless += begun <= wanted + capacity ? 1 : 0;
  }
}

template <class Policy, bool by_words = false>
Tally deal(std::uint64_t capacity) {
  Tally tally;
  const std::uint64_t before = capacity;
  const std::uint64_t after = 2 * capacity + 1;
  const int most = 1 + static_cast<int>(after - before) * steps_of_a_message;
  for (int a = 0; a <= most; ++a)
    for (int b = a; b <= most; ++b)
      for (int c = b; c <= most; ++c) {
        stops = {a, b, c};
        play<Policy, by_words>(capacity, before, after, 0, tally);
      }
  return tally;
}

}  // namespace

TEST_CASE("a lane gives whole messages or none, wherever its writer stands at each of the reader's steps") {
  for (const std::uint64_t capacity : {1U, 2U}) {
    CAPTURE(capacity);
    for (const Tally& tally : {deal<Dealt<true, true>>(capacity), deal<Dealt<true, true>, true>(capacity)}) {
      CHECK(tally.torn == 0);
      CHECK(tally.needless == 0);
      CHECK(tally.whole > 0);
      CHECK(tally.refused > 0);
      CHECK(tally.whole + tally.refused == tally.schedules);
    }
  }
}

TEST_CASE("a reader that does not look again after copying is caught") {
  CHECK(deal<Dealt<true, false>>(1).torn > 0);
  CHECK(deal<Dealt<true, false>>(2).torn > 0);
  CHECK(deal<Dealt<true, false>, true>(1).torn > 0);
}

TEST_CASE("a writer that does not say what it is about to touch is caught") {
  CHECK(deal<Dealt<false, true>>(1).torn > 0);
  CHECK(deal<Dealt<false, true>>(2).torn > 0);
  CHECK(deal<Dealt<false, true>, true>(1).torn > 0);
}

namespace {

/// Calls a function at each step of a writer, in one thread.
std::function<void()> at_each_step;
struct Watched : LanePolicy {
  static void pause(LaneStep) noexcept { at_each_step(); }
};

struct Image {
  std::uint64_t begun, done;
  std::vector<std::uint64_t> slots;
};

/// What a writer that dies now leaves behind.
Image image_of(const LaneMarks& marks, const std::vector<Word>& slots) {
  Image image{marks.begun.load(), marks.done.load(), {}};
  for (const Word& word : slots) image.slots.push_back(word.load());
  return image;
}

}  // namespace

TEST_CASE("a writer that comes after one that died at any step goes on, and no reader takes a torn message") {
  const LaneShape shape{4, sizeof(Message)};
  LaneMarks marks{};
  std::vector<Word> slots(4 * words);
  std::vector<Image> images;
  at_each_step = [&] { images.push_back(image_of(marks, slots)); };
  LaneWriter<Watched> writer(marks, slots.data(), shape);
  for (std::uint64_t i = 0; i < 11; ++i) writer.write(message_of(i).data());
  REQUIRE(images.size() == 11 * steps_of_a_message);
  for (const Image& image : images) {
    LaneMarks left{};
    left.begun.store(image.begun);
    left.done.store(image.done);
    std::vector<Word> memory(4 * words);
    for (std::size_t i = 0; i < memory.size(); ++i) memory[i].store(image.slots[i]);
    const LaneReader<> reader(left, memory.data(), shape);
    const auto all_whole = [&] {
      int whole_ones = 0;
      for (std::uint64_t i = 0; i < reader.done(); ++i) {
        Message got{};
        if (!reader.copy(i, 1, got.data())) continue;
        REQUIRE(got == message_of(i));
        ++whole_ones;
      }
      return whole_ones;
    };
    CHECK(all_whole() >= static_cast<int>(std::min<std::uint64_t>(3, image.done)));
    LaneWriter<> next(left, memory.data(), shape);
    CHECK(next.next() == image.done);
    for (std::uint64_t i = image.done; i < image.done + 6; ++i) {
      next.write(message_of(i).data());
      CHECK(left.begun.load() >= left.done.load());
      Message newest{};
      CHECK(reader.newest(newest.data()));
      CHECK(newest == message_of(i));
    }
    CHECK(all_whole() == 4);
  }
}

TEST_CASE("two slots always hold one whole message, however far the writer is with the next") {
  const LaneShape shape{2, sizeof(Message)};
  LaneMarks marks{};
  std::vector<Word> slots(2 * words);
  std::uint64_t last = 0;
  int looks = 0;
  at_each_step = [&] {
    Message got{};
    const bool there = LaneReader<>(marks, slots.data(), shape).newest(got.data(), 1);
    CHECK(there == (last > 0));
    if (there) CHECK(got == message_of(last - 1));
    ++looks;
  };
  LaneWriter<Watched> writer(marks, slots.data(), shape);
  for (last = 0; last < 20; ++last) writer.write(message_of(last).data());
  CHECK(looks == 20 * steps_of_a_message);
}

TEST_CASE("messages of any length come out as they went in, and nothing is written beside them") {
  for (const std::uint32_t bytes : {1U, 2U, 3U, 4U, 5U, 6U, 7U, 8U, 9U, 16U, 40U, 61U}) {
    CAPTURE(bytes);
    const LaneShape shape{8, bytes};
    LaneMarks marks{};
    std::vector<Word> slots(8 * shape.slot_words() + 1);
    slots.back().store(42);
    LaneWriter<> writer(marks, slots.data(), shape);
    const LaneReader<> reader(marks, slots.data(), shape);
    std::vector<unsigned char> sent(std::size_t{bytes} * 8);
    std::vector<unsigned char> got(sent.size() + 1, 7);
    Random random(bytes);
    for (int round = 0; round < 10; ++round) {
      for (auto& byte : sent) byte = static_cast<unsigned char>(random());
      const std::uint64_t first = writer.next();
      writer.write_many(sent.data(), 8);
      REQUIRE(reader.done() == first + 8);
      REQUIRE(reader.copy(first, 8, got.data()));
      CHECK(std::equal(sent.begin(), sent.end(), got.begin()));
      CHECK(got.back() == 7);
      CHECK(slots.back().load() == 42);
      // By words there are zeros behind the end of a message, and bytes that are read find them left out.
      std::vector<std::uint64_t> word(shape.slot_words() + 1, 7);
      REQUIRE(reader.copy_words(first + 3, word.data()));
      CHECK(std::memcmp(word.data(), &sent[std::size_t{bytes} * 3], bytes) == 0);
      const auto* const whole = reinterpret_cast<const unsigned char*>(word.data());
      CHECK(std::all_of(whole + bytes, whole + shape.slot_bytes(), [](unsigned char byte) { return byte == 0; }));
      CHECK(word.back() == 7);
      writer.write_words(word.data());
      REQUIRE(reader.copy(first + 8, 1, got.data()));
      CHECK(std::memcmp(got.data(), &sent[std::size_t{bytes} * 3], bytes) == 0);
      CHECK(slots.back().load() == 42);
    }
  }
}

TEST_CASE("a reader beside a writer that never stops takes only whole messages") {  // for ThreadSanitizer, too
  const LaneShape shape{4, sizeof(Message)};
  LaneMarks marks{};
  std::vector<Word> slots(4 * words);
  std::atomic<bool> over{false};
  std::thread other([&] {
    LaneWriter<> writer(marks, slots.data(), shape);
    for (std::uint64_t i = 0; !over.load(std::memory_order_relaxed); ++i) {
      const Message message = message_of(i);
      if (i % 2 == 0) {
        writer.write(message.data());
      } else {
        writer.write_words(message.data());
      }
    }
  });
  const LaneReader<> reader(marks, slots.data(), shape);
  int whole_ones = 0;
  bool torn = false;
  while (whole_ones < 20'000) {
    const std::uint64_t end = reader.done();
    if (end == 0) continue;
    Message got{};
    const bool by_words = whole_ones % 2 == 0;
    if (!(by_words ? reader.copy_words(end - 1, got.data()) : reader.copy(end - 1, 1, got.data()))) continue;
    torn = torn || got != message_of(end - 1);
    ++whole_ones;
  }
  over.store(true);
  other.join();
  CHECK_FALSE(torn);
}
