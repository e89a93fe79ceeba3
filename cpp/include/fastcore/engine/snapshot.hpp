// The envelope around saved states: magic, version, kind, length, checksum. What is inside is written
// by the things themselves; what is damaged, cut, newer or of another kind is refused here, whole.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "fastcore/archive.hpp"
#include "fastcore/kernel.hpp"

namespace fastcore {

enum class SnapshotKind : std::uint32_t { engine = 1, indicator = 2 };

/// Puts a payload in its envelope.
std::string seal(SnapshotKind kind, std::string_view payload);
/// The payload of an envelope of that kind; throws SnapshotError with a sentence.
/// `version` becomes the format it was written in.
std::string_view unseal(SnapshotKind kind, std::string_view bytes, std::uint32_t* version = nullptr);

/// One indicator's name and parameters, by name so that a parameter may be added later.
void save_params(const Kernel& kernel, const ParamValues& params, ByteWriter& out);
/// Reads what save_params wrote and checks the ranges; throws SnapshotError.
const Kernel& load_params(ByteReader& in, ParamValues& params);

/// The fields of a kernel's state, to tell whether saved bytes fit.
std::string state_schema(const Kernel& kernel);

}  // namespace fastcore
