// The look-ahead averages, of flows and of levels: right, the same bits by any path, exact on constants.
#include <doctest/doctest.h>

#include "fastcore/window/level_average.hpp"
#include "fastcore/window/recurrence.hpp"
#include "support.hpp"

using namespace fastcore;
using namespace fastcore::testing;

namespace {

const std::vector<int> periods = {1, 2, 3, 4, 5, 8, 9, 14, 20, 26, 40, 100, 257, 2000};

template <class Average>
Values call(Average& average, const double* x, std::size_t rows) {
  Values out(rows);
  for (std::size_t i = 0; i < rows; ++i) out[i] = average(x[i]);
  return out;
}

void require_same(const Values& got, const Values& wanted) {
  const std::size_t row = first_difference(got, wanted);
  if (row == wanted.size()) return;
  CAPTURE(row);
  REQUIRE(got[row] == wanted[row]);
  FAIL("a zero of the other sign, or NaN");
}

/// The textbook's form in long double: the mean of the first values, then e += a (x - e).
std::vector<long double> plain_form(const Values& x, long double a, std::size_t period) {
  std::vector<long double> out(x.size(), std::numeric_limits<long double>::quiet_NaN());
  long double e = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (i < period) {
      e += x[i];
      if (i + 1 == period) e /= static_cast<long double>(period);
    } else {
      e += a * (x[i] - e);
    }
    if (i + 1 >= period) out[i] = e;
  }
  return out;
}

template <class Together>
inline constexpr std::size_t count_of = 0;
template <template <std::size_t> class Form, std::size_t N>
inline constexpr std::size_t count_of<Form<N>> = N;
template <class Together>
using one_of = std::conditional_t<std::is_same_v<Together, Recurrences<count_of<Together>>>, Recurrence, LevelAverage>;

}  // namespace

TEST_CASE_TEMPLATE("an average says what its definition says", Average, Recurrence, LevelAverage) {
  for (const int period : periods) {
    CAPTURE(period);
    for (const bool wilder : {false, true}) {
      CAPTURE(wilder);
      for (const double level : {100.0, 1e8, 0.0}) {
        const Values x = walk(3 * static_cast<std::size_t>(period) + 4000, 800, level, 0.01);
        Average average(wilder ? Smoothing::wilder(period) : Smoothing::ema(period));
        const Values got = call(average, x.data(), x.size());
        const auto wanted =
            plain_form(x, wilder ? 1.0L / period : 2.0L / (period + 1.0L), static_cast<std::size_t>(period));
        // One rounding of what is kept a row, which dies out as fast as the average forgets: of the level in one
        // form; in the other of the moves, and the level is rounded in the seed and in what is returned alone.
        const long double memory = wilder ? period : 0.5L * (period + 1);
        const long double roundings =
            std::is_same_v<Average, LevelAverage> ? 2.0L * level + memory + 4.0L : (memory + 4.0L) * (level + 1.0L);
        const long double tolerance = roundings * std::numeric_limits<double>::epsilon();
        for (std::size_t i = 0; i < x.size(); ++i) {
          REQUIRE(std::isnan(got[i]) == (i + 1 < static_cast<std::size_t>(period)));
          if (!std::isnan(got[i]) && !(std::fabs(got[i] - wanted[i]) <= tolerance)) {
            FAIL("row ", i, ": ", got[i], " is off by ", static_cast<double>(got[i] - wanted[i]));
          }
        }
        CHECK(average.value() == got.back());
      }
    }
  }
}

TEST_CASE_TEMPLATE("runs of any length give the bits and the state of single rows", Average, Recurrence, LevelAverage) {
  Random random(810);
  for (const int period : periods) {
    CAPTURE(period);
    for (const int most : {3, 9, 100, 700}) {
      const std::size_t all = 2 * static_cast<std::size_t>(period) + 1500;
      for (const Values& x : {walk(all, 811), rough(all, 812)}) {
        Average by_row(Smoothing::ema(period));
        Average by_run(Smoothing::ema(period));
        std::size_t at = 0;
        for (const std::size_t rows : cuts(x.size(), random, most)) {
          Values out(rows, -1.0);
          by_run.run(x.data() + at, rows, out.data());
          require_same(out, call(by_row, x.data() + at, rows));
          if (save(by_run) != save(by_row))
            FAIL("equal states have other bytes after row ", at + rows, " and a run of ", rows);
          at += rows;
        }
      }
    }
  }
}

TEST_CASE_TEMPLATE("averages that step together are those on their own, begun so that their seeds end together",
                   Together, Recurrences<1>, Recurrences<2>, Recurrences<4>, LevelAverages<1>, LevelAverages<2>,
                   LevelAverages<4>) {
  constexpr std::size_t count = count_of<Together>;
  const Smoothing wishes[][4] = {
      {Smoothing::ema(12), Smoothing::ema(26), Smoothing::ema(9), Smoothing::ema(1)},
      {Smoothing::wilder(14), Smoothing::wilder(14), Smoothing::wilder(14), Smoothing::wilder(14)},
      {Smoothing::ema(1), Smoothing::wilder(1), Smoothing::ema(2), Smoothing::ema(300)},
      {Smoothing::ema(700), Smoothing::ema(3), Smoothing::wilder(40), Smoothing::ema(41)},
  };
  Random random(820);
  const Values series[] = {walk(2500, 821), rough(2500, 822), walk(2500, 823, 1e8), Values(2500, 0.1)};
  for (const auto& wish : wishes) {
    for (const int most : {5, 600}) {
      std::array<Smoothing, count> chosen;
      std::copy_n(wish, count, chosen.begin());
      int longest = 0;
      for (const Smoothing& one : chosen) longest = std::max(longest, one.period);
      CAPTURE(longest);
      std::array<Values, count> wanted;
      for (std::size_t k = 0; k < count; ++k) {
        const auto late = static_cast<std::size_t>(longest - chosen[k].period);
        one_of<Together> alone(chosen[k]);
        wanted[k] = call(alone, series[k].data() + late, 2500 - late);
        wanted[k].insert(wanted[k].begin(), late, quiet_nan);
      }
      Together by_row(chosen);
      Together by_run(chosen);
      std::array<Values, count> rows;
      std::array<Values, count> runs;
      for (Values& column : runs) column.assign(2500, -1.0);
      std::size_t at = 0;
      for (const std::size_t part : cuts(2500, random, most)) {
        std::array<const double*, count> in;
        std::array<double*, count> out;
        for (std::size_t k = 0; k < count; ++k) {
          in[k] = series[k].data() + at;
          out[k] = runs[k].data() + at;
        }
        by_run.run(in, part, out);
        for (std::size_t i = 0; i < part; ++i, ++at) {
          double row[count];
          for (std::size_t k = 0; k < count; ++k) row[k] = series[k][at];
          store(row, by_row(load<typename Together::V>(row)));
          for (std::size_t k = 0; k < count; ++k) rows[k].push_back(row[k]);
        }
        REQUIRE(by_row.ready() == (at >= static_cast<std::size_t>(longest)));
        if (save(by_run) != save(by_row)) FAIL("equal states have other bytes after row ", at, " and a run of ", part);
      }
      for (std::size_t k = 0; k < count; ++k) {
        CAPTURE(k);
        require_same(rows[k], wanted[k]);
        require_same(runs[k], wanted[k]);
      }
    }
  }
}

TEST_CASE_TEMPLATE("the average of a constant is exactly the constant", Average, Recurrence, LevelAverage) {
  for (const int period : periods) {
    for (const bool wilder : {false, true}) {
      for (const double constant : {100.0, 0.1, 1e-4, 60000.03, 1e8 + 0.01, -3.3, 1.0 / 3.0, 1.1, 1e300}) {
        CAPTURE(period);
        CAPTURE(constant);
        const Values x(static_cast<std::size_t>(period + 300), constant);
        Average average(wilder ? Smoothing::wilder(period) : Smoothing::ema(period));
        const Values out = call(average, x.data(), x.size());
        for (std::size_t i = static_cast<std::size_t>(period) - 1; i < x.size(); ++i) REQUIRE(out[i] == constant);
      }
    }
  }
}

TEST_CASE("a settled average knows whether all that it has taken is finite") {
  const double infinity = std::numeric_limits<double>::infinity();
  const double wrong[] = {quiet_nan, infinity, -infinity};
  for (const int period : periods) {
    CAPTURE(period);
    LevelAverage settled(Smoothing::ema(period));
    call(settled, walk(static_cast<std::size_t>(period) + 8, 825).data(), static_cast<std::size_t>(period) + 8);
    REQUIRE(settled.finite());
    for (std::size_t first = 0; first < 9; ++first) {
      for (std::size_t second = first; second < first + 9; ++second) {
        for (const double a : wrong) {
          for (const double b : wrong) {
            Values x = walk(24, 826);
            x[first] = a;
            x[second] = b;
            LevelAverage average = settled;
            for (std::size_t i = 0; i < x.size(); ++i) {
              average(x[i]);
              REQUIRE(average.finite() == (i < first));
            }
          }
        }
      }
    }
  }
}

TEST_CASE("a seed stands for the values before it") {
  for (const int period : {2, 14}) {
    Recurrence seeded(Smoothing::wilder(period));
    CHECK_FALSE(seeded.ready());
    seeded.seed(5.0);
    CHECK(seeded.ready());
    CHECK(seeded.value() == 5.0);
    const Values x = walk(300, 830, 5.0);
    Recurrence by_run = seeded;
    Values out(x.size());
    by_run.run(x.data(), x.size(), out.data());
    require_same(out, call(seeded, x.data(), x.size()));
    long double e = 5.0L;
    for (std::size_t i = 0; i < x.size(); ++i) {
      e += (x[i] - e) / period;
      REQUIRE(std::fabs(out[i] - e) < 1e-13L);
    }
  }
}

TEST_CASE_TEMPLATE("a saved average goes on as if nothing had happened, and a copy leaves no trace", Average,
                   Recurrence, LevelAverage) {
  const Values x = rough(120, 840);
  for (const int period : {1, 2, 9, 40}) {
    CAPTURE(period);
    for (std::size_t stop = 0; stop < 60; ++stop) {
      Average average(Smoothing::ema(period));
      call(average, x.data(), stop);
      CHECK(average.ready() == (stop >= static_cast<std::size_t>(period)));
      const std::string bytes = save(average);
      Average copy = average;
      const double peeked = copy(x[stop]);
      copy(1e17);
      REQUIRE(save(average) == bytes);
      Average twin(Smoothing::ema(period));
      call(twin, x.data(), 57);
      load(twin, bytes);
      REQUIRE(save(twin) == bytes);
      const Values rest = call(average, x.data() + stop, x.size() - stop);
      REQUIRE(same(rest[0], peeked));
      require_same(call(twin, x.data() + stop, x.size() - stop), rest);
      REQUIRE(save(twin) == save(average));
    }
  }
}

TEST_CASE_TEMPLATE("an average refuses positions that are none", Average, Recurrence, LevelAverage) {
  Average average(Smoothing::ema(5));
  const std::string bytes = save(average);
  // The first three numbers: values in the seed, rows since, and where the next row goes.
  const auto refuse = [&](std::size_t at, std::int64_t value) {
    CAPTURE(at);
    CAPTURE(value);
    std::string broken = bytes;
    std::memcpy(broken.data() + at, &value, sizeof value);
    CHECK_THROWS_AS(load(average, broken), SnapshotError);
  };
  for (const std::int64_t value : {-1, 6}) refuse(0, value);
  for (const std::int64_t value : {-1, 5}) refuse(8, value);
  for (const std::int64_t value : {-1, 4}) refuse(16, value);
  for (const std::size_t at : std::initializer_list<std::size_t>{0, 8, 16}) refuse(at, std::int64_t{1} << 33);
}
