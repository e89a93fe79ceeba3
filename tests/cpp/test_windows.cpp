// Every aggregate in every length of window: right, the same bits by any path, and without memory.
#include "windows.hpp"

using namespace fastcore;
using namespace fastcore::testing;

// NOLINTBEGIN(bugprone-macro-parentheses): W names a template
#define SHIFTED(W) W<ShiftedSum>, W<Moments>, W<Weighted>, W<MomentsWeighted>, W<Powers>
#define EXTREMA(W) W<Highest>, W<Lowest>
#define ALL_WINDOWS \
  SHIFTED(Window), Window<Sum>, EXTREMA(Window), SHIFTED(BlockWindow), BlockWindow<Sum>, EXTREMA(BlockWindow)
// NOLINTEND(bugprone-macro-parentheses)

namespace {

template <class W>
inline constexpr bool of_blocks = false;
template <class Aggregate>
inline constexpr bool of_blocks<BlockWindow<Aggregate>> = true;

constexpr int chunk = static_cast<int>(chunk_rows);

/// The last period whose blocks are walked in lanes.
constexpr int in_lanes = 2 * static_cast<int>(BlockLanes<Sum>::longest) + 1;

/// Short periods have every shape of block. The longest have blocks longer than a chunk. Windows of blocks stand
/// behind Window for all but the shortest periods, so on their own they are asked about those only.
template <class W>
std::vector<int> periods() {
  std::vector<int> all(of_blocks<W> ? 8 : 40);
  std::iota(all.begin(), all.end(), of_blocks<W> ? 2 : 1);
  if (!of_blocks<W>)
    all.insert(all.end(), {100, 257, chunk / 2, in_lanes - 1, in_lanes, in_lanes + 1, 2000, 2 * chunk + 3});
  return all;
}

std::size_t rows_for(int period) { return static_cast<std::size_t>(std::max(4 * period + 40, 1500)); }

/// Ways to cut a series: not at all, by chance, whole chunks, and from the edge of a block on.
std::vector<std::vector<std::size_t>> ways(std::size_t rows, int period, std::uint64_t seed) {
  Random random(seed);
  std::vector<std::vector<std::size_t>> all = {{rows}};
  for (const int most : {4, 40, chunk}) all.push_back(cuts(rows, random, most));
  const std::size_t block = static_cast<std::size_t>(std::max(1, period / 2));
  const std::size_t blocks = block < chunk_rows ? chunk_rows / block * block : chunk_rows;
  std::vector<std::size_t> edges;
  for (std::size_t left = rows, turn = 0; left > 0; ++turn) {
    edges.push_back(std::min({left, chunk_rows, turn % 2 == 0 ? block : blocks}));
    left -= edges.back();
  }
  all.push_back(edges);
  return all;
}

/// Every series that the aggregates are asked about.
std::vector<Values> series(std::size_t rows, std::uint64_t seed) {
  return {walk(rows, seed), walk(rows, seed + 1, 1e8, 0.01), rough(rows, seed + 2)};
}

}  // namespace

TEST_CASE_TEMPLATE("a window says what its definition says", W, ALL_WINDOWS) {
  for (const int period : periods<W>()) {
    CAPTURE(period);
    const std::size_t rows = rows_for(period);
    const auto n = static_cast<std::size_t>(period);
    const std::size_t stride = period <= 40 ? 1 : 13;  // coprime to the blocks, so that all phases are seen
    for (const Values& x : series(rows, 100)) {
      Housed<W> window(period);
      const auto out = push_all(*window, x);
      for (std::size_t row = n - 1; row < rows; row += stride) {
        CAPTURE(row);
        Row<W> all;
        for (std::size_t k = 0; k < all.size(); ++k) all[k] = out[k][row];
        REQUIRE(all.back() == x[row]);
        require_exact<W>(all, x.data() + row + 1 - n, period);
      }
    }
  }
}

TEST_CASE_TEMPLATE("runs of any length give the bits and the state of pushes", W, ALL_WINDOWS) {
  for (const int period : periods<W>()) {
    CAPTURE(period);
    const std::size_t rows = rows_for(period);
    for (const Values& x : series(rows, 200)) {
      for (const auto& parts : ways(rows, period, 201)) {
        Housed<W> pushed(period);
        Housed<W> ran(period);
        Columns<W> by_push;
        Columns<W> by_run;
        std::size_t at = 0;
        for (const std::size_t part : parts) {
          run(*ran, x.data() + at, part, by_run);
          for (std::size_t i = 0; i < part; ++i) push(*pushed, x[at + i], by_push);
          at += part;
          if (save(*pushed) != save(*ran)) FAIL("equal states have other bytes after row ", at, " and a run of ", part);
        }
        require_same(by_run, by_push);
      }
    }
  }
}

TEST_CASE_TEMPLATE("bad values leave no trace once they have left the window", W, ALL_WINDOWS) {
  Random random(300);
  for (const int period : periods<W>()) {
    CAPTURE(period);
    const auto n = static_cast<std::size_t>(period);
    // Two blocks and more on either side of the warm-up: every phase, and either of the two arrays.
    const std::size_t phases = 2 * n + 4;
    const std::size_t step = period <= 40 ? 1 : phases / 24;
    for (std::size_t spike = 0; spike < phases; spike += step) {
      CAPTURE(spike);
      const std::size_t rows = spike + 4 * n + 40;
      const Values clean = walk(rows, 301, 100.0, 0.5);
      Housed<W> never(period);
      const auto wanted = push_all(*never, clean);
      for (const double size : {1e17, -1e15, 1.7e308}) {
        CAPTURE(size);
        Values bad = clean;
        bad[spike] = size;
        std::size_t last = spike;
        if (size > 0) {  // and a second one in the same window
          last = spike + static_cast<std::size_t>(whole(random, 0, period - 1));
          bad[last] = -0.5 * size;
        }
        CAPTURE(last);
        const std::size_t from = std::max(last + n, n - 1);
        Housed<W> pushed(period);
        require_same(push_all(*pushed, bad), wanted, from);
        Housed<W> ran(period);
        require_same(run_all(*ran, bad, cuts(rows, random, chunk)), wanted, from);
      }
    }
  }
}

TEST_CASE_TEMPLATE("what overflows leaves no trace either", W, ALL_WINDOWS) {
  Random random(350);
  for (const int period : periods<W>()) {
    if (period > 40) continue;
    CAPTURE(period);
    const auto n = static_cast<std::size_t>(period);
    for (std::size_t spike = 0; spike < 2 * n + 4; ++spike) {
      CAPTURE(spike);
      // The distance between the two is more than a double holds; one series has only the second.
      Values one = walk(spike + 5 * n + 40, 351, 100.0, 0.5);
      one[spike + n] = -1.7e308;
      Values both = one;
      for (std::size_t row = spike; row < spike + n; ++row) both[row] = 1.7e308;
      const std::size_t from = spike + 2 * n - 1;
      Housed<W> never(period);
      Housed<W> pushed(period);
      Housed<W> ran(period);
      const auto wanted = push_all(*never, one);
      require_same(push_all(*pushed, both), wanted, from);
      require_same(run_all(*ran, both, cuts(both.size(), random, chunk)), wanted, from);
    }
  }
}

TEST_CASE_TEMPLATE("a window of one value says exactly that value", W, SHIFTED(Window), EXTREMA(Window),
                   SHIFTED(BlockWindow), EXTREMA(BlockWindow)) {
  Random random(400);
  for (const int period : periods<W>()) {
    CAPTURE(period);
    const auto n = static_cast<std::size_t>(period);
    for (const double constant : {100.0, 0.1, 1e-4, 60000.03, 1e8 + 0.01, -3.3, 1.0 / 3.0, 1e300, -1.7e308}) {
      CAPTURE(constant);
      // Something else before, so that the window has a past to forget.
      const std::size_t begin = static_cast<std::size_t>(whole(random, 0, 2 * period));
      Values x = walk(begin + 4 * n + 20, 401, 3.0 * constant, 0.3 * constant);
      // The distance between this one and its past is more than a double holds.
      if (constant == -1.7e308) std::fill(x.begin(), x.end(), -constant);
      std::fill(x.begin() + static_cast<std::ptrdiff_t>(begin), x.end(), constant);
      Housed<W> pushed(period);
      Housed<W> ran(period);
      const auto by_push = push_all(*pushed, x);
      require_same(run_all(*ran, x, cuts(x.size(), random, chunk)), by_push);
      for (std::size_t row = begin + n - 1; row < x.size(); ++row) {
        // The first number is the shift or the extremum, all others are deviations from it.
        REQUIRE(by_push[0][row] == constant);
        for (std::size_t k = 1; k < by_push.size() - 1; ++k) REQUIRE(by_push[k][row] == 0.0);
      }
    }
  }
}

TEST_CASE_TEMPLATE("a copy may push once, and the original is what it was", W, ALL_WINDOWS) {
  for (const int period : periods<W>()) {
    CAPTURE(period);
    const std::size_t rows = rows_for(period);
    const std::size_t stride = period <= 40 ? 1 : 7;
    const Values x = walk(rows, 500);
    Housed<W> window(period);
    Housed<W> never(period);
    Columns<W> out;
    for (std::size_t row = 0; row < rows; ++row) {
      if (row % stride == 0) {
        const std::string before = save(*window);
        W copy = *window;
        const auto peeked = Everything()(copy.push(x[row]), x[row]);
        W other = *window;
        other.push(-1e17);
        if (save(*window) != before) FAIL("a peek before row ", row, " changed the state");
        push(*window, x[row], out);
        for (std::size_t k = 0; k < peeked.size(); ++k) REQUIRE(same(peeked[k], out[k].back()));
      } else {
        push(*window, x[row], out);
      }
    }
    require_same(out, push_all(*never, x));
  }
}

TEST_CASE_TEMPLATE("a saved window goes on as if nothing had happened", W, ALL_WINDOWS) {
  for (const int period : periods<W>()) {
    CAPTURE(period);
    const auto n = static_cast<std::size_t>(period);
    const std::size_t stops = period <= 40 ? 3 * n + 4 : 20;
    for (std::size_t stop = 0; stop <= stops; ++stop) {
      const std::size_t saved_at = stop * (3 * n + 4) / stops;
      CAPTURE(saved_at);
      const Values x = rough(saved_at + 2 * n + 20, 600);
      Housed<W> window(period);
      for (std::size_t row = 0; row < saved_at; ++row) window->push(x[row]);
      const std::string bytes = save(*window);
      // Into a window with a past of its own, of which nothing may stay.
      Housed<W> twin(period);
      for (std::size_t row = 0; row < n + 1; ++row) twin->push(1e17);
      load(*twin, bytes);
      REQUIRE(save(*twin) == bytes);
      const Values rest(x.begin() + static_cast<std::ptrdiff_t>(saved_at), x.end());
      require_same(push_all(*twin, rest), push_all(*window, rest));
      REQUIRE(save(*twin) == save(*window));
    }
  }
}

TEST_CASE_TEMPLATE("a window refuses saved states that are not its own", W, ALL_WINDOWS) {
  for (const int period : {10, 2, 4}) {
    CAPTURE(period);
    Housed<W> window(period);
    Housed<W> other(period + 2);
    for (int i = 0; i < 33; ++i) {
      window->push(i);
      other->push(i);
    }
    const std::string bytes = save(*window);
    CHECK_THROWS_AS(load(*other, bytes), SnapshotError);
    for (std::size_t size = 0; size < bytes.size(); ++size)
      CHECK_THROWS_AS(load(*window, bytes.substr(0, size)), SnapshotError);
    // In front is a position in the block, or a length.
    for (const std::int64_t value : {std::int64_t{-1}, std::int64_t{9}, std::int64_t{1} << 40}) {
      CAPTURE(value);
      std::string broken = bytes;
      std::memcpy(broken.data(), &value, sizeof value);
      CHECK_THROWS_AS(load(*window, broken), SnapshotError);
    }
    load(*window, bytes);
    CHECK(save(*window) == bytes);
  }
}

TEST_CASE_TEMPLATE("a number has the same bits in every summary that has it, so that windows can be shared", Aggregate,
                   ShiftedSum, Moments, Weighted) {
  for (const int period : periods<Window<Aggregate>>()) {
    CAPTURE(period);
    for (const Values& x : series(rows_for(period), 700)) {
      Housed<Window<Aggregate>> narrow(period);
      Housed<Window<MomentsWeighted>> wide(period);
      for (const double value : x) {
        const auto a = narrow->push(value).numbers();
        const auto b = wide->push(value).numbers();
        for (std::size_t k = 0; k < a.size(); ++k) {
          const auto* const at =
              std::find(MomentsWeighted::gives.begin(), MomentsWeighted::gives.end(), Aggregate::gives[k]);
          REQUIRE(at != MomentsWeighted::gives.end());
          REQUIRE(same(a[k], b[static_cast<std::size_t>(at - MomentsWeighted::gives.begin())]));
        }
      }
    }
  }
}

TEST_CASE("means and variances are the same bits beside higher powers") {
  for (const int period : periods<Window<Powers>>()) {
    CAPTURE(period);
    for (const Values& x : series(rows_for(period), 800)) {
      Housed<Window<Moments>> narrow(period);
      Housed<Window<Powers>> wide(period);
      for (const double value : x) {
        const auto a = narrow->push(value);
        const auto b = wide->push(value);
        REQUIRE(same(a.shift, b.shift));
        REQUIRE(same(a.offset, b.offset));
        REQUIRE(same(a.variance, b.variance));
      }
    }
  }
}
