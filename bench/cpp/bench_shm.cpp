// The ring in shared memory. `shm/write` is one tick published, `shm/read` one read back, `shm/latest` one row of the
// table; `shm/hop` is the time from a message's publication to its being read in another process, half of a
// round trip over two rings, with its percentiles. Two processes that both look all the time need two free
// processors: where they share one, a hop is a turn of the scheduler.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "bench.hpp"
#include "fastcore/ipc/broadcast_ring.hpp"
#include "fastcore/ipc/shm_file.hpp"
#include "fastcore/ipc/wait.hpp"

namespace fastcore::bench {

namespace {

constexpr std::uint64_t second = 1'000'000'000;

/// As large as a tick.
struct Message {
  std::int64_t ts;
  double price;
  double size;
  std::int64_t id;
  std::uint32_t symbol;
  std::uint32_t side;
};

SegmentSpec ticks(std::uint64_t capacity, std::uint32_t rows) {
  SegmentSpec spec;
  spec.capacity = capacity;
  spec.message_bytes = sizeof(Message);
  spec.rows = rows;
  if (rows > 0) spec.key_at = static_cast<std::uint32_t>(offsetof(Message, symbol));
  return spec;
}

class Folder {
 public:
  Folder() : path_("/dev/shm/fastcore-bench-XXXXXX") {
    if (mkdtemp(path_.data()) == nullptr) std::abort();
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
};

/// Messages published one by one, or `state.range(0)` at a time, into a ring with a table of `state.range(1)` rows.
void write(benchmark::State& state) {
  const Folder folder;
  const auto rows = static_cast<std::uint32_t>(state.range(1));
  const OwnedSegment owned = create_segment(folder.path(), "ring", ticks(65'536, rows));
  RingWriter<> writer(owned.mapping->base(), owned.spec);
  const auto batch = static_cast<std::size_t>(state.range(0));
  constexpr std::size_t count = 65'536;
  std::vector<Message> messages(count);
  for (std::size_t i = 0; i < count; ++i) messages[i].symbol = rows == 0 ? 0 : static_cast<std::uint32_t>(i) % rows;
  for (auto _ : state)
    for (std::size_t i = 0; i < count; i += batch) writer.publish(&messages[i], batch);
  per_item(state, count);
}

void read(benchmark::State& state) {
  const Folder folder;
  const OwnedSegment owned = create_segment(folder.path(), "ring", ticks(65'536, 0));
  RingWriter<> writer(owned.mapping->base(), owned.spec);
  constexpr std::size_t count = 32'768;
  std::vector<Message> messages(count);
  writer.publish(messages.data(), count);
  RingReader<> reader(owned.mapping->base(), owned.spec);
  const auto batch = static_cast<std::uint64_t>(state.range(0));
  for (auto _ : state) {
    reader.seek(0);
    for (std::size_t i = 0; i < count; i += batch) reader.read(&messages[i], batch);
    benchmark::DoNotOptimize(messages.data());
  }
  per_item(state, count);
}

void latest(benchmark::State& state) {
  const Folder folder;
  const OwnedSegment owned = create_segment(folder.path(), "ring", ticks(1024, 100));
  RingWriter<> writer(owned.mapping->base(), owned.spec);
  Message message{};
  for (std::uint32_t i = 0; i < 100; ++i) {
    message.symbol = i;
    writer.publish(&message, 1);
  }
  const RingReader<> reader(owned.mapping->base(), owned.spec);
  for (auto _ : state)
    for (std::uint32_t i = 0; i < 100; ++i) {
      reader.newest_of(i, &message);
      benchmark::DoNotOptimize(message);
    }
  per_item(state, 100);
}

/// Sends back what comes, for as long as the other side lives.
[[noreturn]] void echo(const std::string& folder, RingReader<>& from, SegmentBell* bell, Waiting how) {
  const OwnedSegment owned = create_segment(folder, "back", ticks(1024, 0));
  RingWriter<> to(owned.mapping->base(), owned.spec);
  Message message{};
  for (;;) {
    wait_for(from.live(), bell, from.next(), how, second);
    if (from.state() != SegmentState::open) _exit(0);
    if (from.read(&message, 1).kind == Got::Kind::data) to.publish(&message, 1);
  }
}

double at(std::vector<double>& sorted, double share) {
  return sorted[static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1))];
}

void hop(benchmark::State& state) {
  const auto how = static_cast<Waiting>(state.range(0));
  const Folder folder;
  const OwnedSegment there = create_segment(folder.path(), "there", ticks(1024, 0));
  RingWriter<> writer(there.mapping->base(), there.spec);
  const auto bell_of = [](const std::shared_ptr<Mapping>& page) {
    return page ? reinterpret_cast<SegmentBell*>(page->base()) : nullptr;
  };
  const pid_t child = fork();
  if (child == 0) {
    const OwnedSegment mine = attach_segment(folder.path(), "there");
    const auto page = map_bell(folder.path(), "there", *mine.mapping);
    RingReader<> reader(mine.mapping->base(), mine.spec);
    echo(folder.path(), reader, bell_of(page), how);
  }
  while (segment_names(folder.path()).size() < 2) usleep(100);
  const OwnedSegment back = attach_segment(folder.path(), "back");
  const auto page = map_bell(folder.path(), "back", *back.mapping);
  RingReader<> reader(back.mapping->base(), back.spec);
  Message message{};
  std::vector<double> times;
  for (auto _ : state) {
    const auto start = std::chrono::steady_clock::now();
    writer.publish(&message, 1);
    wait_for(reader.live(), bell_of(page), reader.next(), how, 10 * second);
    reader.read(&message, 1);
    times.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() / 2);
  }
  writer.finish(SegmentState::closed);
  waitpid(child, nullptr, 0);
  std::sort(times.begin(), times.end());
  state.counters["p50"] = at(times, 0.5);
  state.counters["p99"] = at(times, 0.99);
  state.counters["p99.9"] = at(times, 0.999);
}

BENCHMARK(write)->Name("shm/write")->ArgNames({"batch", "rows"})->Args({1, 0})->Args({64, 0})->Args({1, 100});
BENCHMARK(read)->Name("shm/read")->ArgName("batch")->Arg(1)->Arg(64);
BENCHMARK(latest)->Name("shm/latest");
BENCHMARK(hop)
    ->Name("shm/hop")
    ->ArgName("waiting")
    ->Arg(static_cast<int>(Waiting::spin))
    ->Arg(static_cast<int>(Waiting::yield))
    ->Arg(static_cast<int>(Waiting::sleep))
    ->Iterations(20'000)
    ->UseRealTime();

}  // namespace

}  // namespace fastcore::bench
