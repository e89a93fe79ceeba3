// What the targets that read journals share: a folder, checksums that are set right, and the reader's word.
#pragma once

#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "fastcore/catalogue.hpp"
#include "fastcore/engine/engine.hpp"
#include "fastcore/journal/reader.hpp"

namespace fastcore::fuzz {

/// A folder for as long as the program runs; in memory where that can be.
struct Folder {
  std::string path = std::filesystem::is_directory("/dev/shm") ? "/dev/shm/fuzz-XXXXXX" : "/tmp/fuzz-XXXXXX";
  Folder() {
    if (mkdtemp(path.data()) == nullptr) std::abort();
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { std::filesystem::remove_all(path); }
};

inline void must(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "the journal broke its word: %s\n", what);
  std::abort();
}

inline void put_file(const std::string& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

inline void seal_header(std::string& bytes) {
  SegmentHeader header;
  if (bytes.size() < sizeof header) return;
  std::memcpy(&header, bytes.data(), sizeof header);
  header.crc = header_crc(header);
  std::memcpy(bytes.data(), &header, sizeof header);
}

/// Of segment `number`, as far as the lengths lead.
inline void seal_records(std::string& bytes, std::uint64_t number) {
  std::size_t at = segment_start;
  while (at + sizeof(RecordHeader) <= bytes.size()) {
    RecordHeader header;
    std::memcpy(&header, bytes.data() + at, sizeof header);
    const std::size_t size = record_bytes(payload_of(header.word));
    if (size > bytes.size() - at) return;
    header.crc = record_crc(bytes.data() + at, size, number);
    std::memcpy(bytes.data() + at, &header, sizeof header);
    at += size;
  }
}

/// One node on ticks and one on bars.
inline std::unique_ptr<Engine> small_engine(const Policy& policy = {}) {
  ParamValues params{};
  params[0] = 3;
  const NodeSpec on_ticks{"sma", find_kernel("SMA"), params, "", {}};
  const NodeSpec on_bars{"ema", find_kernel("EMA"), params, "1m", {}};
  Engine::Options options;
  options.max_symbols = 8;
  options.policy = policy;
  return std::make_unique<Engine>(std::vector<NodeSpec>{on_ticks, on_bars}, options);
}

/// Whether the reader keeps its word about its next record, or damage.
inline void check_step(const JournalReader& reader, JournalReader::Step step, std::uint64_t last) {
  if (step == JournalReader::Step::damage) must(!reader.damage().text().empty(), "damage has a sentence");
  if (step != JournalReader::Step::record) return;
  const JournalRecord& record = reader.record();
  must(record.sequence > last, "records come in order");
  must(record.bytes <= longest_payload, "no payload is longer than the longest");
  must(reader.subject() == no_symbol || reader.subject() < reader.names().size(), "symbols have names");
}

}  // namespace fastcore::fuzz
