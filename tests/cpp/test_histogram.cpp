// The latency histogram against a sorted list.
#include <doctest/doctest.h>

#include "fastcore/latency/histogram.hpp"
#include "support.hpp"

using namespace fastcore;
using namespace fastcore::testing;

namespace {

/// The least value that at least `share` of the sorted values do not exceed.
std::uint64_t exact_percentile(const std::vector<std::uint64_t>& sorted, double share) {
  const auto wanted = static_cast<std::size_t>(std::ceil(share * static_cast<double>(sorted.size())));
  return sorted[wanted == 0 ? 0 : wanted - 1];
}

constexpr double shares[] = {0.0, 0.001, 0.25, 0.5, 0.9, 0.99, 0.999, 0.9999, 1.0};
constexpr std::uint64_t top_bit = std::uint64_t{1} << 63;
constexpr std::uint64_t most = ~std::uint64_t{0};

std::uint64_t wild(Random& random) { return random() >> whole(random, 0, 63); }

}  // namespace

TEST_CASE("each value has one bucket, whose top is at most a 32nd above it") {
  Random random(1000);
  std::vector<std::uint64_t> values{0, 1, 31, 32, 33, 63, 64, 65, top_bit - 1, top_bit, top_bit + 1, most - 1, most};
  for (int bit = 0; bit < 64; ++bit) {
    for (const std::int64_t around : {-1, 0, 1})
      values.push_back((std::uint64_t{1} << bit) + static_cast<std::uint64_t>(around));
  }
  for (int i = 0; i < 20000; ++i) values.push_back(wild(random));
  std::sort(values.begin(), values.end());
  std::size_t last = 0;
  for (const std::uint64_t value : values) {
    CAPTURE(value);
    const std::size_t bucket = Histogram::bucket(value);
    REQUIRE(bucket < Histogram::bucket_count);
    REQUIRE(bucket >= last);
    last = bucket;
    const std::uint64_t top = Histogram::top(bucket);
    REQUIRE(top >= value);
    REQUIRE(top - value <= value / 32);
    REQUIRE(Histogram::bucket(top) == bucket);
    if (top != most) REQUIRE(Histogram::bucket(top + 1) == bucket + 1);
  }
  CHECK(Histogram::bucket(0) == 0);
  CHECK(Histogram::bucket(most) == Histogram::bucket_count - 1);
}

TEST_CASE("percentiles are never below the exact ones and at most a 32nd above them") {
  Random random(1010);
  for (int kind = 0; kind < 4; ++kind) {
    CAPTURE(kind);
    for (const int count : {1, 2, 3, 100, 5000}) {
      CAPTURE(count);
      Histogram histogram;
      std::vector<std::uint64_t> values;
      long double sum = 0;
      for (int i = 0; i < count; ++i) {
        switch (kind) {
          case 0: values.push_back(static_cast<std::uint64_t>(whole(random, 0, 40))); break;
          case 1: values.push_back(static_cast<std::uint64_t>(whole(random, 100, 2000))); break;
          case 2: values.push_back(random() >> whole(random, 13, 63)); break;
          default: values.push_back(12345); break;
        }
        histogram.record(values.back());
        sum += static_cast<long double>(values.back());
      }
      std::sort(values.begin(), values.end());
      for (const double share : shares) {
        CAPTURE(share);
        const std::uint64_t exact = exact_percentile(values, share);
        const std::uint64_t got = histogram.percentile(share);
        REQUIRE(got >= exact);
        REQUIRE(got - exact <= exact / 32);
        REQUIRE(got <= values.back());
      }
      CHECK(histogram.percentile(1.0) == values.back());
      CHECK(histogram.max() == values.back());
      CHECK(histogram.count() == values.size());
      CHECK(histogram.mean() == doctest::Approx(static_cast<double>(sum / count)).epsilon(1e-12));
    }
  }
}

TEST_CASE("an empty histogram says 0") {
  const Histogram histogram;
  for (const double share : shares) CHECK(histogram.percentile(share) == 0);
  CHECK(histogram.count() == 0);
  CHECK(histogram.max() == 0);
  CHECK(histogram.mean() == 0.0);
}

TEST_CASE("the edges of the range are values like others") {
  for (const std::uint64_t edge : {std::uint64_t{0}, top_bit, most}) {
    CAPTURE(edge);
    Histogram histogram;
    histogram.record(edge);
    for (const double share : shares) CHECK(histogram.percentile(share) == edge);
    CHECK(histogram.max() == edge);
    CHECK(histogram.mean() == static_cast<double>(edge));
    histogram.record(0);
    CHECK(histogram.percentile(0.5) == 0);
    CHECK(histogram.percentile(1.0) == edge);
  }
}

TEST_CASE("two histograms add up to that of all values") {
  Random random(1020);
  Histogram one;
  Histogram other;
  Histogram all;
  for (int i = 0; i < 3000; ++i) {
    const std::uint64_t value = random() >> whole(random, 16, 63);
    (i % 3 == 0 ? one : other).record(value);
    all.record(value);
  }
  Histogram sum;  // from nothing, whichever comes first
  Histogram reversed;
  sum += one;
  sum += other;
  reversed += other;
  reversed += one;
  reversed += Histogram();
  for (const Histogram& merged : {sum, reversed}) {
    CHECK(merged.count() == all.count());
    CHECK(merged.max() == all.max());
    CHECK(merged.mean() == all.mean());
    for (int i = 0; i <= 1000; ++i) REQUIRE(merged.percentile(i / 1000.0) == all.percentile(i / 1000.0));
  }
}
