// Ring against std::deque.
#include <doctest/doctest.h>

#include <deque>

#include "fastcore/memory/ring.hpp"
#include "fastcore/window/lag.hpp"
#include "support.hpp"

using namespace fastcore;
using namespace fastcore::testing;

namespace {

void check_window(Ring<double>& ring, const std::deque<double>& model) {
  REQUIRE(ring.capacity() == model.size());
  REQUIRE(std::equal(model.begin(), model.end(), ring.window()));
  REQUIRE(ring.oldest() == model.front());
  REQUIRE(ring.newest() == model.back());
}

}  // namespace

TEST_CASE("a ring is a window over the last values, whatever came before and in whatever portions") {
  Random random(1);
  for (const int capacity : {1, 2, 3, 7, 64, 500}) {
    CAPTURE(capacity);
    Housed<Ring<double>> ring(static_cast<std::size_t>(capacity));
    std::deque<double> model(static_cast<std::size_t>(capacity), 0.0);
    const auto remember = [&](double x) {
      model.pop_front();
      model.push_back(x);
    };
    for (int round = 0; round < 2000; ++round) {
      const int action = whole(random, 0, 9);
      if (action < 6) {
        const double x = real(random);
        ring->push(x);
        remember(x);
      } else if (action < 9) {
        // Up to three windows at once, and nothing at all.
        Values many(static_cast<std::size_t>(whole(random, 0, 3 * capacity)));
        for (double& x : many) x = real(random);
        ring->push_many(many.data(), many.size());
        for (const double x : many) remember(x);
      } else {
        const std::string bytes = save(*ring);
        Housed<Ring<double>> twin(static_cast<std::size_t>(capacity));
        load(*twin, bytes);
        check_window(*twin, model);
        REQUIRE(save(*twin) == bytes);
      }
      check_window(*ring, model);
    }
  }
}

TEST_CASE("a copy of a ring may push once, and the original is what it was") {
  for (const std::size_t capacity : {std::size_t{1}, std::size_t{2}, std::size_t{5}}) {
    Housed<Ring<double>> ring(capacity);
    std::deque<double> model(capacity, 0.0);
    for (int i = 1; i < 40; ++i) {
      Ring<double> copy = *ring;
      copy.push(-i);
      CHECK(copy.newest() == -i);
      check_window(*ring, model);
      ring->push(i);
      model.pop_front();
      model.push_back(i);
      check_window(*ring, model);
    }
  }
}

TEST_CASE("a ring refuses saved windows of another size") {
  Housed<Ring<double>> three(std::size_t{3});
  Housed<Ring<double>> four(std::size_t{4});
  CHECK_THROWS_AS(load(*four, save(*three)), SnapshotError);
}

TEST_CASE("a lag gives what came `period` rows before, row by row and in portions") {
  Random random(2);
  const Values x = walk(3000, 3);
  for (const int period : {1, 2, 5, 40, 700}) {
    CAPTURE(period);
    Housed<Lag> by_row(period);
    Housed<Lag> by_run(period);
    std::size_t at = 0;
    for (const std::size_t rows : cuts(x.size(), random, 900)) {
      Values out(rows, -1.0);
      by_run->run(x.data() + at, rows, [&](std::size_t i, double before) { out[i] = before; });
      for (std::size_t i = 0; i < rows; ++i, ++at) {
        const double expected = at < static_cast<std::size_t>(period) ? 0.0 : x[at - static_cast<std::size_t>(period)];
        REQUIRE(out[i] == expected);
        REQUIRE((*by_row)(x[at]) == expected);
      }
      REQUIRE(save(*by_row) == save(*by_run));
    }
  }
}
