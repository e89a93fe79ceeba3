// Damage to a journal: whatever byte is wrong, what is read was written, in order, and what is missing is named.
#include <algorithm>

#include "journals.hpp"

using namespace fastcore;
using namespace fastcore::testing;

namespace {

/// A journal of one segment with a few dozen records of several kinds, closed.
struct Sample {
  Folder folder;
  std::string path = folder / "j";
  std::string file = path + "/" + segment_name(1);
  std::string bytes;
  Reading whole;

  Sample() {
    JournalWriter writer(path, small_segments());
    write_ticks(writer, "A", 0, 10);
    REQUIRE(writer.make(writer.symbol("B")));
    REQUIRE(writer.note("a note of some length"));
    write_ticks(writer, "B", 10, 20);
    REQUIRE(writer.close());
    bytes = slurp(file);
    whole = read_journal(path);
  }
};

/// Whether `part` is the whole without the records that its damage names.
void check_part(const Reading& part, const Reading& whole) {
  std::vector<bool> there(whole.last + 1);
  for (const std::uint64_t sequence : part.sequences) {
    REQUIRE(sequence <= whole.last);
    REQUIRE_FALSE(there[sequence]);
    there[sequence] = true;
  }
  REQUIRE(std::is_sorted(part.sequences.begin(), part.sequences.end()));
  for (const JournalDamage& damage : part.damage) {
    for (std::uint64_t i = 0; i < damage.missing; ++i) {
      REQUIRE_FALSE(there[damage.first_missing + i]);
      there[damage.first_missing + i] = true;
    }
  }
  for (std::uint64_t sequence = 1; sequence <= part.last; ++sequence) REQUIRE(there[sequence]);
}

}  // namespace

TEST_CASE("a flipped bit costs the record it is in, or the journal says why it is refused") {
  const Sample sample;
  std::size_t refused = 0;
  std::size_t found = 0;
  for (std::size_t at = 0; at < sample.bytes.size(); ++at) {
    for (const int bit : {0, 3, 7}) {
      std::string flipped = sample.bytes;
      flipped[at] = static_cast<char>(flipped[at] ^ (1 << bit));
      spill(sample.file, flipped);
      Reading part;
      const std::string why = why_not([&] { part = read_journal(sample.path); });
      if (!why.empty()) {
        ++refused;
        continue;
      }
      check_part(part, sample.whole);
      const bool last_record = at >= sample.bytes.size() - record_bytes(sizeof(TickRecord));
      if (at < segment_start) {
        REQUIRE(part.sequences == sample.whole.sequences);  // the records need no header
      } else if (!last_record) {
        REQUIRE(part.damage.size() >= 1);
        REQUIRE(part.last == sample.whole.last);
        ++found;
      } else {
        REQUIRE(part.damage.empty());  // as a crash would leave it: the tail is cut
        REQUIRE(part.torn > 0);
        REQUIRE(part.last == sample.whole.last - 1);
      }
    }
  }
  CHECK(refused == 0);
  CHECK(found > 1000);
}

TEST_CASE("bytes that came in between or were lost are damage, and what follows is found wherever it lies") {
  const Sample sample;
  for (std::size_t at = segment_start + 200; at + 400 < sample.bytes.size(); at += 7) {
    for (const std::size_t many : {1U, 3U, 4U, 7U, 8U, 64U, 100U}) {
      for (const bool lost : {false, true}) {
        CAPTURE(at);
        CAPTURE(many);
        std::string shifted = sample.bytes;
        if (lost) {
          shifted.erase(at, many);
        } else {
          shifted.insert(at, many, 'x');
        }
        spill(sample.file, shifted);
        const Reading part = read_journal(sample.path);
        check_part(part, sample.whole);
        REQUIRE(part.last == sample.whole.last);
        const bool between = !lost && part.sequences == sample.whole.sequences;
        REQUIRE((between || part.sequences.size() < sample.whole.sequences.size()));
        REQUIRE(!part.damage.empty());
      }
    }
  }
}

TEST_CASE("a lost name costs the records of its symbol, and no other") {
  const Sample sample;
  std::string damaged = sample.bytes;
  damaged[segment_start + 16] = 'x';  // in the first record, which names A
  spill(sample.file, damaged);
  const Reading part = read_journal(sample.path);
  CHECK(part.ids == range(10, 20));
  CHECK(part.damage.size() == 11);
  CHECK(part.damage[0].text() ==
        "journal-00000001.fcj, byte 128: the bytes are no record (24 bytes); record 1 is missing");
  CHECK(part.damage[1].text() ==
        "journal-00000001.fcj, byte 152: the record is of a symbol without a name (56 bytes); record 2 is missing");
  check_part(part, sample.whole);
}

TEST_CASE("a file that was cut anywhere, or filled with zeros from there, keeps what lies before") {
  const Sample sample;
  for (std::size_t length = 0; length < sample.bytes.size(); ++length) {
    for (const bool zeros : {false, true}) {
      std::string cut = sample.bytes.substr(0, length);
      if (zeros) cut.resize(JournalOptions::least_segment, '\0');
      spill(sample.file, cut);
      const Reading part = read_journal(sample.path);
      check_part(part, sample.whole);
      REQUIRE(part.ids == range(0, static_cast<std::int64_t>(part.ids.size())));
      if (length >= segment_start) REQUIRE(part.damage.empty());
      // A writer goes on from there, and nothing of the torn record comes back.
      if (length % 13 != 0) continue;
      {
        JournalWriter writer(sample.path, small_segments());
        write_ticks(writer, "C", 900, 903);
      }
      const Reading after = read_journal(sample.path);
      REQUIRE(after.damage.empty());
      REQUIRE(after.ids.size() == part.ids.size() + 3);
      for (const std::uint64_t number : list_segments(sample.path))
        std::filesystem::remove(sample.path + "/" + segment_name(number));
    }
  }
}

TEST_CASE("a journal goes on behind a segment whose header is damaged, and loses nothing of it") {
  const Folder folder;
  const std::string path = folder / "j";
  for (const std::int64_t from : {0, 10}) {
    JournalWriter writer(path, small_segments());
    write_ticks(writer, "A", from, from + 10);
  }
  const std::string last = path + "/" + segment_name(2);
  const std::string bytes = slurp(last);
  for (std::size_t round = 0; round < 2 * sizeof(SegmentHeader); ++round) {
    const std::size_t at = round / 2;
    const bool first_record_too = round % 2 == 1;  // the one that names the symbol
    CAPTURE(at);
    std::string flipped = bytes;
    flipped[at] = static_cast<char>(flipped[at] ^ 0x10);
    if (first_record_too) flipped[segment_start + 16] = 'x';
    spill(last, flipped);
    {
      JournalWriter writer(path, small_segments());
      write_ticks(writer, "A", 20, 25);
    }
    const Reading read = read_journal(path);
    if (first_record_too) {
      REQUIRE(read.sequences.size() == 17);
      REQUIRE(read.damage.size() >= 12);
    } else {
      REQUIRE(read.ids == range(0, 25));
      REQUIRE(read.damage.size() == 1);
      REQUIRE(read.damage[0].missing == 0);
    }
    REQUIRE(read.last == 28);
    std::filesystem::remove(path + "/" + segment_name(3));
  }
}

TEST_CASE("damage of many records is passed over, and what is missing is counted") {
  const Folder folder;
  const std::string path = folder / "j";
  {
    JournalWriter writer(path, small_segments());
    write_ticks(writer, "A", 0, 3000);
  }
  const auto segments = survey(path);
  REQUIRE(segments.size() == 3);
  std::string bytes = slurp(segments[1].path);
  const std::string middle = bytes;
  SUBCASE("a run of zeros") { std::fill(bytes.begin() + 1000, bytes.begin() + 20'000, '\0'); }
  SUBCASE("a run of ones") { std::fill(bytes.begin() + 1000, bytes.begin() + 20'000, '\xff'); }
  SUBCASE("a run of records from elsewhere") { std::copy_n(middle.begin() + 30'000, 10'080, bytes.begin() + 1080); }
  SUBCASE("the end") { bytes.resize(30'000); }
  SUBCASE("the header and some more") { std::fill(bytes.begin(), bytes.begin() + 2000, 'x'); }
  SUBCASE("the file is gone") { bytes.clear(); }
  spill(segments[1].path, bytes);
  if (bytes.empty()) std::filesystem::remove(segments[1].path);
  const Reading read = read_journal(path);
  std::uint64_t missing = 0;
  for (const JournalDamage& damage : read.damage) missing += damage.missing;
  CHECK(missing > 10);
  CHECK(read.last == 3003);
  CHECK(read.sequences.size() + missing == 3003);
  CHECK(read.ids.back() == 2999);
  CHECK(read.ids.front() == 0);
}

TEST_CASE("a record copied into a note is not taken for one when the note is damaged") {
  const Folder folder;
  const std::string path = folder / "j";
  {
    JournalWriter writer(path, small_segments());
    write_ticks(writer, "A", 0, 3);
  }
  // A record with a later sequence, sound as it stands in another segment.
  std::string copy = slurp(path + "/" + segment_name(1)).substr(segment_start + 24, 56);
  const std::uint64_t later = 7;
  std::memcpy(copy.data() + 8, &later, sizeof later);
  const std::uint32_t crc = record_crc(copy.data(), copy.size(), 1);
  std::memcpy(copy.data(), &crc, sizeof crc);
  {
    JournalWriter writer(path, small_segments());
    const std::uint32_t symbol = writer.symbol("A");
    const TickRecord tick = tick_record(symbol, 3);
    REQUIRE(writer.put(RecordKind::note, no_symbol, copy.data(), copy.size()));
    REQUIRE(writer.put(RecordKind::tick, symbol, &tick, sizeof tick));
  }
  const std::string file = path + "/" + segment_name(2);
  std::string bytes = slurp(file);
  bytes[segment_start + 9] = 'x';  // the sequence of the note
  spill(file, bytes);
  const Reading read = read_journal(path);
  CHECK(read.ids == range(0, 4));
  CHECK(read.damage.size() == 1);
}

TEST_CASE("a segment of a newer version is refused, by reader and writer") {
  const Sample sample;
  SegmentHeader header;
  std::memcpy(&header, sample.bytes.data(), sizeof header);
  header.version = 9;
  header.crc = header_crc(header);
  std::string newer = sample.bytes;
  std::memcpy(newer.data(), &header, sizeof header);
  spill(sample.file, newer);
  const std::string expected =
      sample.file + " has format 9, this fastcore reads up to 1: it was written by a newer one";
  CHECK(why_not([&] { JournalReader reader(sample.path); }) == expected);
  CHECK(why_not([&] { JournalWriter writer(sample.path, small_segments()); }) == expected);
  CHECK(slurp(sample.file) == newer);
}

TEST_CASE("a segment under another number's name is not read as that") {
  const Sample sample;
  std::filesystem::rename(sample.file, sample.path + "/" + segment_name(2));
  const Reading read = read_journal(sample.path);
  CHECK(read.sequences.empty());
}

TEST_CASE("what was begun and not used is no segment, and the next writer removes it") {
  const Sample sample;
  const std::string spare = sample.path + "/" + segment_name(2);
  std::string blank(JournalOptions::least_segment, '\0');
  for (std::size_t stored = 0; stored <= sizeof(SegmentHeader); stored += 4) {
    std::copy_n(sample.bytes.begin(), stored, blank.begin());  // a header of which so much was stored
    spill(spare, blank);
    const Reading read = read_journal(sample.path);
    CHECK(read.damage.empty());
    CHECK(read.ids == range(0, 20));
  }
  spill(sample.path + "/snapshot-00000000000000000009.fcs.7-1.part", "half");
  {
    JournalWriter writer(sample.path, small_segments());
    CHECK(writer.sequence() == sample.whole.last);
  }
  CHECK(list_segments(sample.path).size() == 1);
  CHECK_FALSE(std::filesystem::exists(sample.path + "/snapshot-00000000000000000009.fcs.7-1.part"));
}
