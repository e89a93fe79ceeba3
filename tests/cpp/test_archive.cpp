// Bytes in and out: little-endian, exact, and never read past the end.
#include <doctest/doctest.h>

#include "fastcore/archive.hpp"
#include "fastcore/schema.hpp"
#include "support.hpp"

using namespace fastcore;
using namespace fastcore::testing;

namespace {

struct Inner {
  double real = 0.0;
  double many[3] = {};
  template <class Archive>
  void state(Archive& archive) {
    archive("real", real);
    archive.array("many", many, 3);
  }
};
struct Outer {
  int whole = 0;
  unsigned small = 0;
  bool yes = false;
  std::uint8_t byte = 0;
  std::int64_t wide = 0;
  std::uint64_t count = 0;
  Inner inner;
  template <class Archive>
  void state(Archive& archive) {
    archive("whole", whole);
    archive("small", small);
    archive("yes", yes);
    archive("byte", byte);
    archive("wide", wide);
    archive("count", count);
    archive("inner", inner);
  }
};

/// Has parts now, where earlier versions saved values.
struct Summed {
  double sum = 0.0;
  template <class Archive>
  void state(Archive& archive) {
    archive("sum", sum);
    archive.former("values", 3, [this](double x) { sum += x; });
  }
};
/// And as it was.
struct Listed {
  double values[3] = {1.0, 2.0, 4.0};
  template <class Archive>
  void state(Archive& archive) {
    archive.array("values", values, 3);
  }
};

Outer filled() {
  Outer outer;
  outer.whole = -7;
  outer.small = 4'000'000'000U;
  outer.yes = true;
  outer.byte = 255;
  outer.wide = std::numeric_limits<std::int64_t>::min();
  outer.count = std::numeric_limits<std::int64_t>::max();
  outer.inner.real = -0.0;
  outer.inner.many[0] = std::numeric_limits<double>::denorm_min();
  outer.inner.many[1] = -std::numeric_limits<double>::infinity();
  const std::uint64_t payload = 0x7ff8000000abcdefU;
  std::memcpy(&outer.inner.many[2], &payload, sizeof payload);
  return outer;
}

}  // namespace

TEST_CASE("numbers are little-endian on every machine") {
  ByteWriter out;
  out.number(std::uint32_t{0x01020304});
  out.number(std::int16_t{-2});
  out.number(1.0);
  out.text("ab");
  const std::string wanted(
      "\x04\x03\x02\x01\xfe\xff\x00\x00\x00\x00\x00\x00\xf0\x3f\x02\x00\x00\x00"
      "ab",
      20);
  CHECK(out.bytes() == wanted);
  CHECK(out.take() == wanted);
}

TEST_CASE("what was written is read, bit for bit") {
  Random random(1100);
  for (int round = 0; round < 200; ++round) {
    ByteWriter out;
    std::vector<int> kinds(static_cast<std::size_t>(whole(random, 0, 30)));
    for (int& kind : kinds) kind = whole(random, 0, 4);
    const std::uint64_t seed = random();
    const auto values = [&](Random& source) {
      Values all(static_cast<std::size_t>(whole(source, 0, 5)));
      for (double& x : all) {
        const std::uint64_t bits = source();  // any pattern at all, NaN with a payload too
        std::memcpy(&x, &bits, sizeof x);
      }
      return all;
    };
    const auto letters = [&](Random& source) {
      static const char* const some[] = {"a", "Z", ".", "\n", "\u00e9", "\u20ac", "\U0001f4c8", "\x7f"};
      std::string all;
      for (int count = whole(source, 0, 9); count > 0; --count) all += some[whole(source, 0, 7)];
      return all + '\0';
    };
    Random written(seed);
    for (const int kind : kinds) {
      switch (kind) {
        case 0: out.number(static_cast<std::uint8_t>(written())); break;
        case 1: out.number(static_cast<std::int64_t>(written())); break;
        case 2: out.number(real(written)); break;
        case 3: out.text(letters(written)); break;
        default: {
          const Values all = values(written);
          out.numbers(all.data(), all.size());
        }
      }
    }
    ByteReader in(out.bytes());
    Random expected(seed);
    for (const int kind : kinds) {
      switch (kind) {
        case 0: REQUIRE(in.number<std::uint8_t>() == static_cast<std::uint8_t>(expected())); break;
        case 1: REQUIRE(in.number<std::int64_t>() == static_cast<std::int64_t>(expected())); break;
        case 2: REQUIRE(in.number<double>() == real(expected)); break;
        case 3: REQUIRE(in.text() == letters(expected)); break;
        default: {
          const Values all = values(expected);
          Values got(all.size());
          got.reserve(1);  // nowhere is no place, not even for nothing
          in.numbers(got.data(), got.size());
          REQUIRE((all.empty() || std::memcmp(got.data(), all.data(), all.size() * sizeof(double)) == 0));
        }
      }
    }
    REQUIRE(in.left() == 0);
    CHECK_THROWS_AS(in.number<char>(), SnapshotError);
  }
}

TEST_CASE("a reader never goes past the end, whatever the bytes claim") {
  const std::string seven = "1234567";
  CHECK_THROWS_WITH_AS(ByteReader(seven).number<double>(), "the snapshot ends at byte 7 in the middle of a value",
                       SnapshotError);
  ByteReader in(seven);
  in.number<std::uint32_t>();
  CHECK(in.left() == 3);
  CHECK_THROWS_AS(in.number<std::uint32_t>(), SnapshotError);
  CHECK(in.left() == 3);  // a refused read takes nothing

  std::string huge = "\xff\xff\xff\xff";
  huge += "abc";
  CHECK_THROWS_AS(ByteReader(huge).text(), SnapshotError);
  CHECK_THROWS_AS(ByteReader(huge).count(1), SnapshotError);
  CHECK_THROWS_AS(ByteReader(std::string_view()).text(), SnapshotError);
  Values two(2);
  const std::string fifteen(15, 'x');
  CHECK_THROWS_AS(ByteReader(fifteen).numbers(two.data(), two.size()), SnapshotError);
  // A count whose bytes overflow a size; volatile, or the compiler warns of what must not happen.
  const volatile std::size_t overflowing = std::numeric_limits<std::size_t>::max() / 8 + 2;
  CHECK_THROWS_AS(ByteReader(fifteen).numbers(two.data(), overflowing), SnapshotError);
}

TEST_CASE("text that is not UTF-8 is refused") {
  const auto text = [](std::string_view bytes) {
    ByteWriter out;
    out.text(bytes);
    return ByteReader(out.bytes()).text();
  };
  for (const char* good : {"", "BTCUSDT", "\u00e9", "\u20ac", "\U0001f4c8", "\U0010ffff", "\u0080", "\u0800"})
    CHECK(text(good) == good);
  const char* const bad[] = {"\x80",
                             "\xff",
                             "a\xc3",
                             "\xc3(",
                             "\xe2\x82",
                             "\xf0\x9f\x93",
                             "\xc0\x80",
                             "\xc1\xbf",
                             "\xe0\x80\x80",
                             "\xed\xa0\x80",
                             "\xf0\x80\x80\x80",
                             "\xf4\x90\x80\x80",
                             "\xf8\x88\x80\x80\x80"};
  for (const char* bytes : bad) {
    CAPTURE(bytes);
    CHECK_THROWS_AS(text(bytes), SnapshotError);
  }
}

TEST_CASE("a count is refused unless all it counts could be there") {
  ByteWriter out;
  out.number(std::uint32_t{3});
  const std::string bytes = out.bytes() + std::string(12, 'x');
  CHECK(ByteReader(bytes).count(4) == 3);
  CHECK_THROWS_AS(ByteReader(bytes).count(5), SnapshotError);
}

TEST_CASE("a state saves and loads through one function") {
  Outer outer = filled();
  const std::string bytes = save(outer);
  CHECK(bytes.size() == 6 * 8 + 8 + 4 + 3 * 8);
  Outer twin;
  load(twin, bytes);
  CHECK(save(twin) == bytes);
  CHECK(twin.whole == -7);
  CHECK(twin.small == 4'000'000'000U);
  CHECK(twin.yes);
  CHECK(twin.byte == 255);
  CHECK(twin.wide == std::numeric_limits<std::int64_t>::min());
  CHECK(twin.count == std::numeric_limits<std::int64_t>::max());
  CHECK(std::signbit(twin.inner.real));
  CHECK(std::memcmp(twin.inner.many, outer.inner.many, sizeof outer.inner.many) == 0);
  for (std::size_t size = 0; size < bytes.size(); ++size)
    CHECK_THROWS_AS(load(twin, bytes.substr(0, size)), SnapshotError);
}

TEST_CASE("a number that its field cannot hold is refused by name") {
  Outer outer = filled();
  const std::string bytes = save(outer);
  const auto broken = [&](std::size_t field, std::int64_t value) {
    std::string copy = bytes;
    std::memcpy(copy.data() + 8 * field, &value, sizeof value);
    return copy;
  };
  for (const std::int64_t value : {std::int64_t{1} << 31, -(std::int64_t{1} << 31) - 1})
    CHECK_THROWS_AS(load(outer, broken(0, value)), SnapshotError);
  for (const std::int64_t value : {std::int64_t{-1}, std::int64_t{1} << 32})
    CHECK_THROWS_AS(load(outer, broken(1, value)), SnapshotError);
  for (const std::int64_t value : {-1, 2, 256}) CHECK_THROWS_AS(load(outer, broken(2, value)), SnapshotError);
  for (const std::int64_t value : {-1, 256}) CHECK_THROWS_AS(load(outer, broken(3, value)), SnapshotError);
  CHECK_THROWS_AS(load(outer, broken(5, -1)), SnapshotError);
  CHECK_THROWS_WITH_AS(load(outer, broken(2, 2)), "the snapshot's state of a test does not fit it: yes", SnapshotError);
  std::string other_length = bytes;
  other_length[6 * 8 + 8] = 4;
  CHECK_THROWS_WITH_AS(load(outer, other_length), "the snapshot's state of a test does not fit it: many",
                       SnapshotError);
}

TEST_CASE("a schema names every field with its kind, level by level") {
  Outer outer;
  StateSchema schema;
  outer.state(schema);
  CHECK(schema.schema() ==
        "whole:whole small:whole yes:whole byte:whole wide:whole count:whole inner.real:real inner.many:reals ");
}

namespace {

enum class Colour : std::uint8_t { red, green, blue };
constexpr const char* colours[] = {"red", "green", "blue"};

struct Thing {
  std::int64_t id = 0;
  double price = 0.0;
  template <class Archive>
  void state(Archive& archive) {
    archive("id", id);
    archive("price", price);
  }
};

/// One field of each kind that is more than a number.
struct Box {
  Colour colour = Colour::red;
  std::string zone;
  std::int64_t places[2] = {};
  std::vector<Thing> things;
  template <class Archive>
  void state(Archive& archive) {
    archive.choice("colour", colour, colours);
    archive.text("zone", zone);
    archive.array("places", places, 2);
    if constexpr (Archive::loading) things.clear();
    archive.list(
        "things", things.size(), 3, [&](std::size_t i) { return things[i]; },
        [&](std::size_t, const Thing& thing) { things.push_back(thing); });
  }
};

}  // namespace

TEST_CASE(
    "enumerations, texts, whole arrays and lists come back, and the schema does not depend on how many there are") {
  const auto schema_of = [](Box& box) {
    StateSchema schema;
    box.state(schema);
    return schema.schema();
  };
  Box box{Colour::blue, "Europe/Zürich", {-1, 1LL << 62}, {{1, 0.5}, {2, -0.0}, {3, 1e300}}};
  Box empty;
  CHECK(schema_of(box) == "colour:choice(red|green|blue) zone:text places:wholes things[ id:whole price:real ] ");
  CHECK(schema_of(empty) == schema_of(box));
  for (Box* const one_of : {&box, &empty}) {
    Box& one = *one_of;
    const std::string bytes = save(one);
    Box twin{Colour::green, "x", {7, 7}, {{9, 9.0}}};
    load(twin, bytes);
    CHECK(save(twin) == bytes);
    CHECK(twin.colour == one.colour);
    CHECK(twin.zone == one.zone);
    CHECK(twin.things.size() == one.things.size());
    for (std::size_t size = 0; size < bytes.size(); ++size)
      CHECK_THROWS_AS(load(twin, bytes.substr(0, size)), SnapshotError);
  }
}

TEST_CASE("a choice that is none and a list that is too long are refused by name") {
  Box box;
  std::string bytes = save(box);
  bytes[0] = 3;
  CHECK_THROWS_WITH_AS(load(box, bytes), "the snapshot's state of a test does not fit it: colour", SnapshotError);
  box = Box();
  for (std::int64_t i = 0; i < 4; ++i) box.things.push_back({i, 1.0});
  const std::string long_list = save(box);
  CHECK_THROWS_WITH_AS(load(box, long_list), "the snapshot's state of a test does not fit it: things", SnapshotError);
}

TEST_CASE("a state is made of what an earlier version saved, and saves it no longer") {
  Listed listed;
  Summed summed;
  const Schema was(schema_of(listed));
  load_record(summed, record_of(listed), was, "a test");
  CHECK(summed.sum == 7.0);
  const std::string bytes = save(summed);
  Summed twin;
  load(twin, bytes);
  CHECK(twin.sum == 7.0);
  CHECK(bytes.size() == sizeof(double) + sizeof(std::uint32_t));
  CHECK_THROWS_AS(check_fits(Schema(schema_of(summed)), was, "a test"), SnapshotError);
  ByteWriter other;  // a window of another length
  other.number(0.0);
  other.number(std::uint32_t{2});
  other.number(1.0);
  other.number(2.0);
  CHECK_THROWS_AS(load(twin, other.bytes()), SnapshotError);
}
