// The segment of a journal as a parser sees it: any bytes. What is read must be in order, and what an engine makes
// of it is a state or a JournalError. The first byte of an input says which checksums are set right before, so
// that what lies behind them is reached, too.
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "fastcore/catalogue.hpp"
#include "fastcore/engine/replay.hpp"
#include "fastcore/journal/reader.hpp"
#include "fuzz.hpp"

namespace {

using namespace fastcore;

/// A folder for as long as the program runs; in memory where that can be.
struct Folder {
  std::string path = std::filesystem::is_directory("/dev/shm") ? "/dev/shm/fuzz-XXXXXX" : "/tmp/fuzz-XXXXXX";
  Folder() {
    if (mkdtemp(path.data()) == nullptr) std::abort();
  }
  ~Folder() { std::filesystem::remove_all(path); }
};

void must(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "the reader broke its word: %s\n", what);
  std::abort();
}

void seal_header(std::string& bytes) {
  SegmentHeader header;
  if (bytes.size() < sizeof header) return;
  std::memcpy(&header, bytes.data(), sizeof header);
  header.crc = header_crc(header);
  std::memcpy(bytes.data(), &header, sizeof header);
}

void seal_records(std::string& bytes) {
  std::size_t at = segment_start;
  while (at + sizeof(RecordHeader) <= bytes.size()) {
    RecordHeader header;
    std::memcpy(&header, bytes.data() + at, sizeof header);
    const std::size_t size = record_bytes(payload_of(header.word));
    if (size > bytes.size() - at) return;
    header.crc = record_crc(bytes.data() + at, size, 1);
    std::memcpy(bytes.data() + at, &header, sizeof header);
    at += size;
  }
}

std::unique_ptr<Engine> small_engine() {
  ParamValues params{};
  params[0] = 3;
  const NodeSpec on_ticks{"sma", find_kernel("SMA"), params, "", {}};
  const NodeSpec on_bars{"ema", find_kernel("EMA"), params, "1m", {}};
  Engine::Options options;
  options.max_symbols = 8;
  return std::make_unique<Engine>(std::vector<NodeSpec>{on_ticks, on_bars}, options);
}

void read_all(const std::string& folder) {
  JournalReader reader(folder);
  const auto engine = small_engine();
  JournalReplay replay(*engine);
  std::uint64_t last = 0;
  bool own = false;
  bool playing = true;
  for (;;) {
    const JournalReader::Step step = reader.next();
    if (step == JournalReader::Step::end) break;
    if (step == JournalReader::Step::damage) {
      must(!reader.damage().text().empty(), "damage has a sentence");
      continue;
    }
    const JournalRecord& record = reader.record();
    must(record.sequence > last, "records come in order");
    must(record.bytes <= longest_payload, "no payload is longer than the longest");
    must(reader.subject() == no_symbol || reader.subject() < reader.names().size(), "symbols have names");
    last = record.sequence;
    own = own || record.kind == RecordKind::policy;  // which may ask for gigabytes, as a user may
    if (!playing || (own && record.kind != RecordKind::policy)) continue;
    try {
      replay.take(reader);
    } catch (const JournalError&) {
      playing = false;
    }
  }
  must(reader.last() >= last, "the last record is the last");
  const Ledger ledger = engine->ledger();
  std::uint64_t sum = 0;
  for (const std::uint64_t bucket : ledger.buckets) sum += bucket;
  must(sum == ledger.received, "every tick is in one bucket");
}

}  // namespace

// Segments are kept in the corpus: their form does not follow the engine's.
std::vector<std::string> fastcore::fuzz::seeds() { return {}; }

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {  // NOLINT: libFuzzer's name
  static const Folder folder;
  if (size == 0) return 0;
  std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  if ((data[0] & 1) != 0) seal_header(bytes);
  if ((data[0] & 2) != 0) seal_records(bytes);
  {
    std::ofstream file(folder.path + "/" + segment_name(1), std::ios::binary | std::ios::trunc);
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }
  try {
    read_all(folder.path);
  } catch (const JournalError&) {
    return 0;  // a newer version, in words
  }
  return 0;
}
