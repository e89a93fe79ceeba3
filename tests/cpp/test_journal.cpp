// A journal gives back what was put in: over segments, openings, symbols, batches and forks.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "journals.hpp"

using namespace fastcore;
using namespace fastcore::testing;

TEST_CASE("what is put is what is read, over many segments, in order") {
  const Folder folder;
  {
    JournalWriter writer(folder / "j", small_segments());
    write_ticks(writer, "BTC", 0, 3000);
    REQUIRE(writer.note("half past"));
    write_ticks(writer, "\xc3\x9cTH", 3000, 6000);
    CHECK(writer.sequence() > 6000);
  }
  const Reading read = read_journal(folder / "j");
  CHECK(read.ids == range(0, 6000));
  CHECK(read.notes == std::vector<std::string>{"half past"});
  CHECK(read.names.front() == "BTC");
  CHECK(read.names.back() == "\xc3\x9cTH");
  CHECK(read.damage.empty());
  CHECK(read.torn == 0);
  for (std::size_t i = 0; i < read.sequences.size(); ++i) REQUIRE(read.sequences[i] == i + 1);
  CHECK(list_segments(folder / "j").size() > 4);
}

TEST_CASE("each segment can be read alone: it names its symbols") {
  const Folder folder;
  {
    JournalWriter writer(folder / "j", small_segments());
    write_ticks(writer, "A", 0, 2500);
    write_ticks(writer, "B", 2500, 2600);
  }
  const auto all = survey(folder / "j");
  REQUIRE(all.size() == 3);
  for (std::size_t i = 0; i + 1 < all.size(); ++i) std::filesystem::remove(all[i].path);
  const Reading read = read_journal(folder / "j");
  CHECK(read.damage.empty());
  CHECK(read.ids.back() == 2599);
  CHECK(read.sequences.front() == all.back().first);
}

TEST_CASE("a reader may begin at any sequence") {
  const Folder folder;
  {
    JournalWriter writer(folder / "j", small_segments());
    write_ticks(writer, "A", 0, 3000);
  }
  const Reading whole = read_journal(folder / "j");
  for (const std::uint64_t from : {1U, 2U, 700U, 1165U, 1166U, 1167U, 1168U, 2000U, 3002U, 3003U}) {
    const Reading part = read_journal(folder / "j", from);
    CHECK(part.damage.empty());
    CHECK(part.sequences.size() == whole.sequences.size() - from + 1);
    if (!part.sequences.empty()) CHECK(part.sequences.front() == from);
  }
  CHECK(read_journal(folder / "j", 9999).sequences.empty());
}

TEST_CASE("a writer that comes back goes on behind the last record") {
  const Folder folder;
  std::int64_t done = 0;
  for (const int count : {10, 1, 0, 2000, 5}) {
    JournalWriter writer(folder / "j", small_segments());
    write_ticks(writer, "A", done, done + count);
    done += count;
  }
  const Reading read = read_journal(folder / "j");
  CHECK(read.ids == range(0, done));
  CHECK(read.damage.empty());
}

TEST_CASE("a writer may go on from an earlier record: what came behind it is void") {
  const Folder folder;
  {
    JournalWriter writer(folder / "j", small_segments());
    write_ticks(writer, "A", 0, 4000);
  }
  {
    JournalWriter writer(folder / "j", small_segments());
    writer.go_on_behind(500);
    write_ticks(writer, "A", 10'000, 10'050);
  }
  Reading read = read_journal(folder / "j");
  CHECK(read.damage.empty());
  CHECK(read.ids.size() == 499 + 50);  // one of the 500 is the symbol's name
  CHECK(read.ids.back() == 10'049);
  {
    JournalWriter writer(folder / "j", small_segments());
    write_ticks(writer, "A", 10'050, 10'060);
  }
  read = read_journal(folder / "j", 501);
  CHECK(read.ids == range(10'000, 10'060));
  CHECK(read.damage.empty());
}

TEST_CASE("a batch that was reserved is written without asking the disk again") {
  const Folder folder;
  JournalWriter writer(folder / "j", small_segments());
  const std::string long_name(300, 'n');
  for (const std::size_t count : {1U, 1000U, 5000U, 20'000U}) {
    for (const std::size_t names : {1U, 40U, 700U}) {
      std::vector<std::uint32_t> symbols;
      symbols.reserve(names);
      for (std::size_t k = 0; k < names; ++k) symbols.push_back(writer.symbol(long_name + std::to_string(k)));
      REQUIRE(writer.reserve({count, sizeof(TickRecord), names, 303}));
      // With not a byte more to be had, all of it fits.
      rlimit before{};
      getrlimit(RLIMIT_FSIZE, &before);
      const auto ignored = std::signal(SIGXFSZ, SIG_IGN);
      const rlimit none{0, before.rlim_max};
      setrlimit(RLIMIT_FSIZE, &none);
      bool sound = true;
      for (std::size_t i = 0; i < count; ++i) {
        const TickRecord tick = tick_record(symbols[i * 7 % names], static_cast<std::int64_t>(i));
        sound = sound && writer.put(RecordKind::tick, tick.symbol, &tick, sizeof tick);
      }
      setrlimit(RLIMIT_FSIZE, &before);
      std::signal(SIGXFSZ, ignored);
      CHECK(sound);
    }
  }
  REQUIRE(writer.close());
  CHECK(read_journal(folder / "j").ids.size() == 3 * 26'001);
}

TEST_CASE("no space: a sentence, nothing written, and it goes on when there is space again") {
  const Folder folder;
  JournalWriter writer(folder / "j", small_segments());
  const std::uint32_t symbol = writer.symbol("A");
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const auto ignored = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit little{1024, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &little);
  std::int64_t written = 0;
  while (true) {
    const TickRecord tick = tick_record(symbol, written);
    if (!writer.put(RecordKind::tick, symbol, &tick, sizeof tick)) break;
    ++written;
  }
  const std::string why = writer.failure();
  const std::uint64_t sequence = writer.sequence();
  CHECK_FALSE(writer.reserve({10'000, sizeof(TickRecord), 1, 1}));
  CHECK(writer.sequence() == sequence);
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, ignored);
  CHECK(why.find("journal-0000000") != std::string::npos);
  CHECK(why.find("cannot be made: File too large") != std::string::npos);
  CHECK(written > 1000);
  CHECK(read_journal(folder / "j").ids == range(0, written));
  write_ticks(writer, "A", written, written + 10);
  REQUIRE(writer.close());
  CHECK(read_journal(folder / "j").ids == range(0, written + 10));
}

TEST_CASE("one journal has one writer, and the next one comes in when it is done") {
  const Folder folder;
  JournalWriter writer(folder / "j", small_segments());
  const std::string why = why_not([&] { JournalWriter second(folder / "j", small_segments()); });
  CHECK(why == "the journal " + (folder / "j") + " has a writer already (process " + std::to_string(getpid()) +
                   "): one journal, one writer");
  REQUIRE(writer.close());
  CHECK(why_not([&] { JournalWriter second(folder / "j", small_segments()); }).empty());
  CHECK_FALSE(writer.note("late"));
  CHECK(writer.failure() == "the journal " + (folder / "j") + " is closed");
}

TEST_CASE("a forked child cannot write to its parent's journal, nor keep it locked") {
  const Folder folder;
  auto writer = std::make_unique<JournalWriter>(folder / "j", small_segments());
  write_ticks(*writer, "A", 0, 10);
  int ready[2];
  int done[2];
  REQUIRE(pipe(ready) == 0);
  REQUIRE(pipe(done) == 0);
  const pid_t child = fork();
  if (child == 0) {
    const bool refused = !writer->note("from the child") && !writer->sync() && !writer->reserve({1, 8, 0, 0}) &&
                         writer->failure().find("belongs to the process that opened it") != std::string::npos;
    const char answer = refused && writer->close() ? 'y' : 'n';
    char byte = 0;
    const bool told = write(ready[1], &answer, 1) == 1 && read(done[0], &byte, 1) == 1;
    _exit(told ? 0 : 1);
  }
  char answer = 0;
  REQUIRE(read(ready[0], &answer, 1) == 1);
  CHECK(answer == 'y');
  write_ticks(*writer, "A", 10, 20);
  writer.reset();
  CHECK(why_not([&] { JournalWriter next(folder / "j", small_segments()); }).empty());  // while the child lives
  REQUIRE(write(done[1], "x", 1) == 1);
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  CHECK(read_journal(folder / "j").ids == range(0, 20));
  for (const int fd : {ready[0], ready[1], done[0], done[1]}) close(fd);
}

TEST_CASE("a reader that has come to the end finds what was written since") {
  const Folder folder;
  JournalWriter writer(folder / "j", small_segments());
  JournalReader reader(folder / "j");
  CHECK(reader.next() == JournalReader::Step::end);
  std::uint64_t last = 0;
  for (std::int64_t done = 0; done < 5000; done += 617) {
    write_ticks(writer, "A", done, done + 617);
    JournalReader::Step step;
    while ((step = reader.next()) != JournalReader::Step::end) {
      REQUIRE(step == JournalReader::Step::record);
      REQUIRE(reader.record().sequence == last + 1);
      ++last;
    }
    CHECK(last == writer.sequence());
  }
}

TEST_CASE("a reader from whom segments are taken away says so once, and goes on behind them") {
  const Folder folder;
  JournalWriter writer(folder / "j", small_segments());
  write_ticks(writer, "A", 0, 5000);
  REQUIRE(writer.close());
  JournalReader reader(folder / "j");
  const std::vector<SegmentInfo> all = reader.segments();
  REQUIRE(all.size() >= 4);
  REQUIRE(reader.next() == JournalReader::Step::record);
  for (std::size_t i = 0; i < 3; ++i) std::filesystem::remove(all[i].path);  // the first one is open
  std::uint64_t last = 1;
  while (reader.next() == JournalReader::Step::record) CHECK(reader.record().sequence == ++last);
  CHECK(last + 1 == all[1].first);
  CHECK(std::string(reader.damage().why) == "older records were removed");
  CHECK(reader.damage().first_missing == all[1].first);
  CHECK(reader.damage().missing == all[3].first - all[1].first);
  last = all[3].first - 1;
  while (reader.next() == JournalReader::Step::record) CHECK(reader.record().sequence == ++last);
  CHECK(last == writer.sequence());
}

TEST_CASE("retention removes the oldest segments, but nothing that is still needed") {
  const Folder folder;
  int number = 0;
  constexpr std::uint64_t none = ~std::uint64_t{0};
  const auto rest = [&](const Retention& keep, std::uint64_t behind) {
    const std::string path = folder / std::to_string(number++);
    JournalOptions options = small_segments();
    options.retention = keep;
    std::filesystem::create_directory(path);
    if (behind != none) spill(path + "/" + snapshot_name(behind), "");
    JournalWriter writer(path, options);
    write_ticks(writer, "A", 0, 20'000);
    REQUIRE(writer.close());
    const Reading read = read_journal(path);
    CHECK(read.damage.empty());
    CHECK(read.ids.back() == 19'999);
    return read.sequences.front();
  };
  CHECK(rest({}, none) == 1);
  CHECK(rest({3, 0, 0}, none) > 16'000);
  CHECK(rest({0, 200'000, 0}, none) > 16'000);
  CHECK(rest({0, 0, 5'000}, none) > 12'000);
  CHECK(rest({0, 0, 5'000}, none) <= 15'019);
  CHECK(rest({3, 0, 0}, 0) == 1);
  const std::uint64_t kept = rest({3, 0, 0}, 7'000);
  CHECK(kept > 5'000);
  CHECK(kept <= 7'001);
}

TEST_CASE("options and names that cannot be are refused in words") {
  const Folder folder;
  JournalOptions options = small_segments();
  options.segment_bytes = 100;
  CHECK(why_not([&] { JournalWriter writer(folder / "j", options); }) ==
        "segment_bytes must be from 65536 to 17179869184, not 100");
  options = small_segments();
  options.interval = std::chrono::milliseconds(0);
  CHECK(why_not([&] { JournalWriter writer(folder / "j", options); }) == "interval must be at least 1 ms, not 0");
  CHECK(why_not([&] { JournalReader reader(folder / "none"); }) == "there is no journal " + (folder / "none"));
  spill(folder / "file", "x");
  CHECK(why_not([&] { JournalReader reader(folder / "file"); }) ==
        (folder / "file") + " is a file; a journal is a folder");
  CHECK(why_not([&] { JournalWriter writer(folder / "file", small_segments()); }) ==
        (folder / "file") + " is a file; a journal is a folder");
  JournalWriter writer(folder / "j", small_segments());
  CHECK(why_not([&] { writer.symbol(""); }) == "a symbol's name must have from 1 to 16380 bytes, not 0");
  CHECK_FALSE(writer.note(std::string(20'000, 'x')));
  CHECK(writer.failure() == "a note has at most 16384 bytes, not 20000");
}
