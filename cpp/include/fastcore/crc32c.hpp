// CRC-32C (Castagnoli): the checksum of snapshots and of journal records. Where the processor has the
// instruction it is used, inline, since a journal record is 52 bytes; the value is the same either way.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#ifdef __SSE4_2__
#include <nmmintrin.h>
#endif

namespace fastcore {

/// The checksum by tables, as any processor makes it. `crc` is that of the bytes before, 0 for none.
std::uint32_t crc32c_by_tables(std::string_view bytes, std::uint32_t crc = 0) noexcept;

/// The checksum of some bytes that follow those with the checksum `crc`; 0 for none.
inline std::uint32_t crc32c(std::string_view bytes, std::uint32_t crc = 0) noexcept {
#ifdef __SSE4_2__
  std::uint64_t sum = ~crc;
  const char* p = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 8; p += 8, left -= 8) {
    std::uint64_t word;
    std::memcpy(&word, p, sizeof word);
    sum = _mm_crc32_u64(sum, word);
  }
  auto last = static_cast<std::uint32_t>(sum);
  for (; left > 0; ++p, --left) last = _mm_crc32_u8(last, static_cast<unsigned char>(*p));
  return ~last;
#else
  return crc32c_by_tables(bytes, crc);
#endif
}

}  // namespace fastcore
