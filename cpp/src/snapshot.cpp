// The envelope of snapshots, and what engine and indicator snapshots share.
#include "fastcore/engine/snapshot.hpp"

#include <cstring>

#include "fastcore/catalogue.hpp"
#include "fastcore/check.hpp"
#include "fastcore/crc32c.hpp"

namespace fastcore {

namespace {

constexpr char magic[8] = {'F', 'A', 'S', 'T', 'C', 'O', 'R', 'E'};
constexpr std::uint32_t format_version = 2;
constexpr std::size_t envelope_bytes = sizeof magic + 4 + 4 + 8 + 4;

}  // namespace

std::string seal(SnapshotKind kind, std::string_view payload) {
  ByteWriter out;
  for (const char c : magic) out.number(c);
  out.number(format_version);
  out.number(static_cast<std::uint32_t>(kind));
  out.number(static_cast<std::uint64_t>(payload.size()));
  std::string bytes = out.take();
  bytes.append(payload);
  ByteWriter sum;
  sum.number(crc32c(bytes));
  return bytes + sum.bytes();
}

std::string_view unseal(SnapshotKind kind, std::string_view bytes, std::uint32_t* version) {
  if (bytes.size() < envelope_bytes) {
    throw SnapshotError("a snapshot has at least " + std::to_string(envelope_bytes) + " bytes, this has " +
                        std::to_string(bytes.size()));
  }
  if (std::memcmp(bytes.data(), magic, sizeof magic) != 0)
    throw SnapshotError("these bytes are not a fastcore snapshot: they do not begin with FASTCORE");
  ByteReader in(bytes.substr(sizeof magic));
  const auto format = in.number<std::uint32_t>();
  if (version != nullptr) *version = format;
  if (format > format_version) {
    throw SnapshotError("the snapshot has format " + std::to_string(format) + ", this fastcore reads up to " +
                        std::to_string(format_version) + ": it was written by a newer one or is damaged");
  }
  const auto stored_kind = in.number<std::uint32_t>();
  const auto size = in.number<std::uint64_t>();
  if (size != bytes.size() - envelope_bytes) {
    throw SnapshotError("the snapshot says that it holds " + std::to_string(size) + " bytes, but there are " +
                        std::to_string(bytes.size() - envelope_bytes) + ": it is cut or damaged");
  }
  const std::string_view covered = bytes.substr(0, bytes.size() - 4);
  ByteReader sum(bytes.substr(bytes.size() - 4));
  if (sum.number<std::uint32_t>() != crc32c(covered))
    throw SnapshotError("the snapshot's checksum does not match its bytes: it is damaged");
  if (stored_kind != static_cast<std::uint32_t>(kind)) {
    throw SnapshotError(kind == SnapshotKind::engine ? "this is the snapshot of an indicator, not of an engine"
                                                     : "this is the snapshot of an engine, not of an indicator");
  }
  return covered.substr(envelope_bytes - 4);
}

void save_params(const Kernel& kernel, const ParamValues& params, ByteWriter& out) {
  out.text(kernel.name);
  out.number(static_cast<std::uint32_t>(kernel.param_count));
  for (std::size_t i = 0; i < kernel.param_count; ++i) {
    out.text(kernel.params[i].name);
    out.number(params[i]);
  }
}

const Kernel& load_params(ByteReader& in, ParamValues& params) {
  const std::string name = in.text();
  const Kernel* const kernel = find_kernel(name);
  if (kernel == nullptr) throw SnapshotError("the snapshot holds a " + name + ", which this fastcore does not know");
  params = {};
  for (std::size_t i = 0; i < kernel->param_count; ++i) params[i] = kernel->params[i].initial;
  for (std::size_t left = in.count(12); left > 0; --left) {
    const std::string param = in.text();
    const double value = in.number<double>();
    std::size_t i = 0;
    while (i < kernel->param_count && param != kernel->params[i].name) ++i;
    if (i == kernel->param_count) {
      std::string unknown = name;
      unknown.append(".").append(param);
      throw SnapshotError("the snapshot holds the parameter " + unknown + ", which this fastcore does not know");
    }
    params[i] = value;
  }
  try {
    check_params(*kernel, params);
  } catch (const ParameterError& error) {
    throw SnapshotError(std::string("the snapshot holds an indicator that cannot be: ") + error.what());
  }
  return *kernel;
}

std::string state_schema(const Kernel& kernel) {
  ParamValues params{};
  for (std::size_t i = 0; i < kernel.param_count; ++i) params[i] = kernel.params[i].initial;
  const Block block(kernel.bytes(params));
  kernel.make(block.data(), block.size(), params);
  return kernel.schema(block.data());
}

}  // namespace fastcore
