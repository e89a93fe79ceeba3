// The segment of a journal as a parser sees it: any bytes. What is read must be in order, and what an engine makes
// of it is a state or a JournalError. The first byte of an input says which checksums are set right before, so
// that what lies behind them is reached, too.
#include <cstdint>
#include <string>

#include "fastcore/engine/replay.hpp"
#include "fuzz.hpp"
#include "journals.hpp"

namespace {

using namespace fastcore;
using namespace fastcore::fuzz;

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
    check_step(reader, step, last);
    if (step == JournalReader::Step::damage) continue;
    const JournalRecord& record = reader.record();
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
  if ((data[0] & 2) != 0) seal_records(bytes, 1);
  put_file(folder.path + "/" + segment_name(1), bytes);
  try {
    read_all(folder.path);
  } catch (const JournalError&) {
    return 0;  // a newer version, in words
  }
  return 0;
}
