// The envelope of snapshots, and their sections.
#include "fastcore/engine/snapshot.hpp"

#include <algorithm>
#include <cstring>

#include "fastcore/catalogue.hpp"
#include "fastcore/check.hpp"
#include "fastcore/crc32c.hpp"
#include "fastcore/text.hpp"

namespace fastcore {

namespace {

constexpr char magic[8] = {'F', 'A', 'S', 'T', 'C', 'O', 'R', 'E'};
constexpr std::uint32_t format_version = 2;
constexpr std::size_t header_bytes = sizeof magic + 4 + 4 + 8;
constexpr std::size_t envelope_bytes = header_bytes + 4;
constexpr const char* schema_section = "schemas";
constexpr const char* known_sections[] = {schema_section, "engine", "plan", "symbols", "history", "indicator", "state"};

void write_header(SnapshotKind kind, ByteWriter& out) {
  out.raw({magic, sizeof magic});
  out.number(format_version);
  out.number(static_cast<std::uint32_t>(kind));
  out.number(std::uint64_t{0});
}

std::string finish_envelope(ByteWriter& out) {
  const std::size_t size = out.bytes().size() - header_bytes;
  out.number_at(header_bytes - 8, static_cast<std::uint64_t>(size));
  out.number(crc32c(out.bytes()));
  return out.take();
}

const char* kind_name(SnapshotKind kind) {
  switch (kind) {
    case SnapshotKind::engine: return "an engine";
    case SnapshotKind::indicator: return "an indicator";
    case SnapshotKind::symbol: return "a symbol";
  }
  return nullptr;
}

}  // namespace

std::string seal(SnapshotKind kind, std::string_view payload) {
  ByteWriter out;
  write_header(kind, out);
  out.raw(payload);
  return finish_envelope(out);
}

Envelope open(std::string_view bytes) {
  if (bytes.size() < envelope_bytes) {
    throw SnapshotError("a snapshot has at least " + std::to_string(envelope_bytes) + " bytes, this has " +
                        std::to_string(bytes.size()));
  }
  if (std::memcmp(bytes.data(), magic, sizeof magic) != 0)
    throw SnapshotError("these bytes are not a fastcore snapshot: they do not begin with FASTCORE");
  ByteReader in(bytes.substr(sizeof magic));
  const auto version = in.number<std::uint32_t>();
  if (version > format_version) {
    throw SnapshotError("the snapshot has format " + std::to_string(version) + ", this fastcore reads up to " +
                        std::to_string(format_version) + ": it was written by a newer one or is damaged");
  }
  const auto kind = static_cast<SnapshotKind>(in.number<std::uint32_t>());
  const auto size = in.number<std::uint64_t>();
  if (size != bytes.size() - envelope_bytes) {
    throw SnapshotError("the snapshot says that it holds " + std::to_string(size) + " bytes, but there are " +
                        std::to_string(bytes.size() - envelope_bytes) + ": it is cut or damaged");
  }
  const std::string_view covered = bytes.substr(0, bytes.size() - 4);
  ByteReader sum(bytes.substr(bytes.size() - 4));
  if (sum.number<std::uint32_t>() != crc32c(covered))
    throw SnapshotError("the snapshot's checksum does not match its bytes: it is damaged");
  if (kind_name(kind) == nullptr || version == 0) {
    throw SnapshotError("the snapshot is of format " + std::to_string(version) + " and kind " +
                        std::to_string(static_cast<std::uint32_t>(kind)) + ", which no fastcore has written");
  }
  return {version, kind, covered.substr(header_bytes)};
}

std::string_view unseal(SnapshotKind kind, std::string_view bytes) {
  const Envelope envelope = open(bytes);
  if (envelope.kind != kind) {
    throw SnapshotError(std::string("this is the snapshot of ") + kind_name(envelope.kind) + ", not of " +
                        (kind_name(kind)));
  }
  return envelope.payload;
}

const Kernel& load_params(const std::string& name, const std::vector<SavedParam>& saved, ParamValues& params) {
  const Kernel* const kernel = find_kernel(name);
  if (kernel == nullptr) throw SnapshotError("the snapshot holds a " + name + ", which this fastcore does not know");
  params = {};
  for (std::size_t i = 0; i < kernel->param_count; ++i) params[i] = kernel->params[i].initial;
  for (const SavedParam& param : saved) {
    std::size_t i = 0;
    while (i < kernel->param_count && param.name != kernel->params[i].name) ++i;
    if (i == kernel->param_count) {
      throw SnapshotError("the snapshot holds the parameter " + name + "." + param.name +
                          ", which this fastcore does not know");
    }
    params[i] = param.value;
  }
  try {
    check_params(*kernel, params);
  } catch (const ParameterError& error) {
    throw SnapshotError(std::string("the snapshot holds an indicator that cannot be: ") + error.what());
  }
  return *kernel;
}

void check_saved_policy(const Policy& policy) {
  try {
    check_policy(policy);
  } catch (const std::invalid_argument& error) {
    throw SnapshotError(std::string("the snapshot holds a policy that cannot be: ") + error.what());
  }
}

SnapshotWriter::SnapshotWriter(SnapshotKind kind) { write_header(kind, out_); }

ByteWriter& SnapshotWriter::begin(const char* name) {
  out_.text(name);
  section_ = out_.bytes().size();
  out_.number(std::uint64_t{0});
  return out_;
}

void SnapshotWriter::end() noexcept {
  out_.number_at(section_, static_cast<std::uint64_t>(out_.bytes().size() - section_ - 8));
}

std::string SnapshotWriter::finish() {
  begin(schema_section);
  out_.number(static_cast<std::uint32_t>(schemas_.texts().size()));
  for (const std::string& text : schemas_.texts()) out_.text(text);
  end();
  return finish_envelope(out_);
}

SnapshotReader::SnapshotReader(std::initializer_list<SnapshotKind> kinds, std::string_view bytes) {
  const Envelope envelope = open(bytes);
  version_ = envelope.version;
  kind_ = envelope.kind;
  if (std::find(kinds.begin(), kinds.end(), kind_) == kinds.end()) unseal(*kinds.begin(), bytes);
  std::string_view payload = envelope.payload;
  if (version_ == 1) payload = upgraded_ = upgrade_format_1(kind_, payload);
  ByteReader in(payload);
  while (in.left() > 0) {
    const std::string name = in.text();
    const auto size = in.number<std::uint64_t>();
    if (size > in.left())
      throw SnapshotError("the snapshot's section " + quoted(name) + " ends behind the snapshot's end");
    if (std::find(std::begin(known_sections), std::end(known_sections), name) == std::end(known_sections))
      throw SnapshotError("the snapshot has a section " + quoted(name) + ", which this fastcore does not know");
    if (!sections_.emplace(name, in.raw(static_cast<std::size_t>(size))).second)
      throw SnapshotError("the snapshot has the section " + quoted(name) + " twice");
  }
  ByteReader table(section(schema_section));
  for (std::size_t left = table.count(4); left > 0; --left) schemas_.emplace_back(table.text());
  if (table.left() != 0) throw SnapshotError("the snapshot's table of schemas has bytes after its end");
}

std::string_view SnapshotReader::section(const char* name) const {
  const auto found = sections_.find(name);
  if (found == sections_.end()) throw SnapshotError("the snapshot has no section " + quoted(name));
  return found->second;
}

const Schema& SnapshotReader::record_schema(ByteReader& in) const {
  const auto number = in.number<std::uint32_t>();
  if (number >= schemas_.size())
    throw SnapshotError("the snapshot points to schema " + std::to_string(number) + " of " +
                        std::to_string(schemas_.size()));
  return schemas_[number];
}

}  // namespace fastcore
