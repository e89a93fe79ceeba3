// Arena and Block: measured and served places agree, nothing overlaps, everything is aligned and zero.
#include <doctest/doctest.h>

#include <map>

#include "fastcore/memory/arena.hpp"
#include "support.hpp"

using namespace fastcore;
using namespace fastcore::testing;

namespace {

struct alignas(32) Wide {
  double lanes[4];
};
struct alignas(64) Line {
  char bytes[64];
};

struct Taken {
  std::byte* memory;
  std::size_t alignment;
};

template <class T>
Taken take(Arena& arena, std::size_t count) {
  return {reinterpret_cast<std::byte*>(arena.take<T>(count)), alignof(T)};
}

Taken take_kind(Arena& arena, int kind, std::size_t count) {
  switch (kind) {
    case 0: return take<char>(arena, count);
    case 1: return take<std::uint16_t>(arena, count);
    case 2: return take<double>(arena, count);
    case 3: return take<Wide>(arena, count);
    default: return take<Line>(arena, count);
  }
}
constexpr std::size_t sizes[] = {1, 2, 8, sizeof(Wide), sizeof(Line)};

}  // namespace

TEST_CASE("an arena serves exactly what it measured: aligned, zeroed, and each place to one owner") {
  Random random(10);
  for (int round = 0; round < 200; ++round) {
    std::vector<std::pair<int, std::size_t>> wishes(static_cast<std::size_t>(whole(random, 1, 40)));
    for (auto& [kind, count] : wishes) {
      kind = whole(random, 0, 4);
      count = static_cast<std::size_t>(whole(random, 0, 20));
    }
    Arena measure;
    for (const auto& [kind, count] : wishes) REQUIRE(take_kind(measure, kind, count).memory == nullptr);
    CHECK(measure.measuring());

    const Block block(measure.used());
    Arena arena(block.data(), measure.used());
    CHECK_FALSE(arena.measuring());
    std::map<std::byte*, std::byte*> owned;  // begin -> end
    for (const auto& [kind, count] : wishes) {
      const Taken taken = take_kind(arena, kind, count);
      const std::size_t bytes = count * sizes[kind];
      REQUIRE(reinterpret_cast<std::uintptr_t>(taken.memory) % taken.alignment == 0);
      REQUIRE(taken.memory >= block.data());
      REQUIRE(taken.memory + bytes <= block.data() + measure.used());
      REQUIRE(std::all_of(taken.memory, taken.memory + bytes, [](std::byte b) { return b == std::byte{0}; }));
      std::fill_n(taken.memory, bytes, std::byte{0xff});  // whoever gets this place again sees no zeroes
      if (bytes > 0) REQUIRE(owned.emplace(taken.memory, taken.memory + bytes).second);
    }
    REQUIRE(arena.used() == measure.used());
    const std::byte* last = block.data();
    for (const auto& [begin, end] : owned) {
      REQUIRE(begin >= last);
      last = end;
    }
  }
}

TEST_CASE("an arena never gives more than its block") {
  const Block block(64);
  Arena arena(block.data(), 64);
  CHECK(arena.take<double>(7) != nullptr);
  CHECK_THROWS_AS(arena.take<double>(2), std::bad_alloc);
  Arena again(block.data(), 64);
  CHECK_NOTHROW(again.take<double>(8));
  CHECK_THROWS_AS(again.take<char>(1), std::bad_alloc);
}

TEST_CASE("a block is zeroed, aligned to a cache line, and zero again after clear") {
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1}, std::size_t{63}, std::size_t{64}, std::size_t{100000}}) {
    Block block(size);
    CAPTURE(size);
    CHECK(block.size() >= size);
    CHECK(block.size() > 0);
    CHECK(reinterpret_cast<std::uintptr_t>(block.data()) % Arena::alignment == 0);
    const auto zero = [&] {
      return std::all_of(block.data(), block.data() + block.size(), [](std::byte b) { return b == std::byte{0}; });
    };
    CHECK(zero());
    std::fill_n(block.data(), block.size(), std::byte{7});
    CHECK_FALSE(zero());
    block.clear();
    CHECK(zero());
  }
}

TEST_CASE("a moved block keeps its place") {
  Block block(256);
  std::byte* const place = block.data();
  const Block moved = std::move(block);
  CHECK(moved.data() == place);
  CHECK(moved.size() == 256);
}
