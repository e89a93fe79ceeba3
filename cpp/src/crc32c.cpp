// CRC-32C by tables, for processors without the instruction.
#include "fastcore/crc32c.hpp"

#include <array>

namespace fastcore {

namespace {

/// Tables for eight bytes a step: 2.4 GB/s where one byte a step makes 0.5 (bench `crc32c`).
constexpr auto make_tables() {
  std::array<std::array<std::uint32_t, 256>, 8> tables{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1U) != 0 ? 0x82f63b78U : 0U);
    tables[0][i] = crc;
  }
  for (std::uint32_t i = 0; i < 256; ++i) {
    for (std::size_t k = 1; k < 8; ++k) tables[k][i] = (tables[k - 1][i] >> 8) ^ tables[0][tables[k - 1][i] & 0xffU];
  }
  return tables;
}
constexpr auto tables = make_tables();

}  // namespace

std::uint32_t crc32c_by_tables(std::string_view bytes, std::uint32_t crc) noexcept {
  crc = ~crc;
  const char* p = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 8; p += 8, left -= 8) {
    std::uint64_t word;
    std::memcpy(&word, p, sizeof word);
    word ^= crc;
    crc = 0;
    for (std::size_t k = 0; k < 8; ++k) crc ^= tables[7 - k][(word >> (8 * k)) & 0xffU];
  }
  for (; left > 0; ++p, --left) crc = (crc >> 8) ^ tables[0][(crc ^ static_cast<unsigned char>(*p)) & 0xffU];
  return ~crc;
}

}  // namespace fastcore
