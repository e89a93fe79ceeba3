// What a parser's fuzz target offers to the driver: the two functions below, the first by the name that libFuzzer
// calls, too.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

/// Feeds the parser; whatever it is not meant to do ends in an abort.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);  // NOLINT: libFuzzer's name

namespace fastcore::fuzz {

/// Inputs to begin with, made anew so that they are of today's form.
std::vector<std::string> seeds();

}  // namespace fastcore::fuzz
