// The checksum: published values, and the same one by the instruction, by tables, and in parts.
#include "fastcore/crc32c.hpp"

#include <string>

#include <doctest/doctest.h>

using namespace fastcore;

TEST_CASE("the checksum is CRC-32C") {
  CHECK(crc32c("") == 0);
  CHECK(crc32c("123456789") == 0xe3069283U);            // the catalogue's check value
  CHECK(crc32c(std::string(32, '\0')) == 0x8a9136aaU);  // RFC 3720, B.4
  CHECK(crc32c(std::string(32, '\xff')) == 0x62a8ab43U);
}

TEST_CASE("the checksum is the same by tables, and when it goes on from that of the bytes before") {
  std::string bytes;
  for (int i = 0; i < 200; ++i) {
    const std::string_view all = bytes;
    CHECK(crc32c(all) == crc32c_by_tables(all));
    const std::size_t cut = static_cast<std::size_t>(i) * 7 / 11;
    CHECK(crc32c(all.substr(cut), crc32c(all.substr(0, cut))) == crc32c(all));
    CHECK(crc32c_by_tables(all.substr(cut), crc32c(all.substr(0, cut))) == crc32c(all));
    bytes.push_back(static_cast<char>(i * 37));
  }
}
