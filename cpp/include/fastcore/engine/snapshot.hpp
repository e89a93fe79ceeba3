// What snapshots look like: an envelope of magic, version, kind, length and checksum around named sections, most of
// them one record each, and a table of the schemas of all records. What is damaged, cut, newer or of another
// kind is refused here, whole; what an older version wrote is brought into today's form.
//
//   magic[8] version:u32 kind:u32 size:u64 { name:text size:u64 bytes[size] }... crc32c:u32
//
// Texts are a u32 length and UTF-8, numbers little-endian.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "fastcore/archive.hpp"
#include "fastcore/engine/policy.hpp"
#include "fastcore/engine/saved_plan.hpp"
#include "fastcore/kernel.hpp"
#include "fastcore/schema.hpp"

namespace fastcore {

enum class SnapshotKind : std::uint32_t { engine = 1, indicator = 2, symbol = 3 };

/// Puts a payload of this version in its envelope.
std::string seal(SnapshotKind kind, std::string_view payload);
/// What an envelope holds; throws SnapshotError with a sentence.
struct Envelope {
  std::uint32_t version;
  SnapshotKind kind;
  std::string_view payload;
};
Envelope open(std::string_view bytes);
/// The payload of an envelope of that kind; throws SnapshotError.
std::string_view unseal(SnapshotKind kind, std::string_view bytes);

/// One indicator's parameters by name, so that a parameter may be added later: checks the ranges; throws SnapshotError.
const Kernel& load_params(const std::string& name, const std::vector<SavedParam>& saved, ParamValues& params);

/// check_policy, as a SnapshotError.
void check_saved_policy(const Policy& policy);

/// Collects sections and the schemas of their records.
class SnapshotWriter {
 public:
  explicit SnapshotWriter(SnapshotKind kind);

  SchemaTable& schemas() noexcept { return schemas_; }
  /// A section of one record.
  template <class State>
  void record(const char* name, State& state) {
    ByteWriter& out = begin(name);
    out.number(static_cast<std::uint32_t>(schemas_.number(schema_of(state))));
    StateSaver saver(out);
    state.state(saver);
    end();
  }
  /// A section of anything: what is written between `begin` and `end`.
  ByteWriter& begin(const char* name);
  void end() noexcept;
  /// The snapshot.
  std::string finish();

 private:
  ByteWriter out_;
  SchemaTable schemas_;
  std::size_t section_ = 0;  // where its size stands
};

/// Opens a snapshot of any version.
class SnapshotReader {
 public:
  /// Throws SnapshotError for what is no snapshot of one of these kinds. Keeps a view of the bytes.
  SnapshotReader(std::initializer_list<SnapshotKind> kinds, std::string_view bytes);
  SnapshotReader(const SnapshotReader&) = delete;
  SnapshotReader& operator=(const SnapshotReader&) = delete;

  /// Version of the format in which it was written.
  std::uint32_t version() const noexcept { return version_; }
  SnapshotKind kind() const noexcept { return kind_; }
  const std::vector<Schema>& schemas() const noexcept { return schemas_; }
  const Schema& schema(std::int64_t number) const { return schemas_[static_cast<std::size_t>(number)]; }
  bool has(const char* name) const { return sections_.count(name) != 0; }
  /// A section's bytes; throws SnapshotError when it is missing.
  std::string_view section(const char* name) const;
  /// Loads a section of one record.
  template <class State>
  void load(const char* name, State& state) const {
    ByteReader in(section(name));
    const Schema& schema = record_schema(in);
    load_record(state, in.raw(in.left()), schema, name);
  }
  /// The schema of a section of one record, which `in` then stands before.
  const Schema& record_schema(ByteReader& in) const;

 private:
  std::uint32_t version_ = 0;
  SnapshotKind kind_ = SnapshotKind::engine;
  std::string upgraded_;  // what an older version wrote, in today's form
  std::map<std::string, std::string_view> sections_;
  std::vector<Schema> schemas_;
};

/// The payload of format 1 in the form of format 2; throws SnapshotError.
std::string upgrade_format_1(SnapshotKind kind, std::string_view payload);

}  // namespace fastcore
