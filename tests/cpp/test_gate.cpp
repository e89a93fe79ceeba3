// The gate's parts against plain models, and what it costs in allocations: nothing.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <random>
#include <vector>

#include "allocations.hpp"
#include "engines.hpp"
#include "fastcore/engine/gate.hpp"

using namespace fastcore;
using fastcore::testing::allocations;

TEST_CASE("a duplicate window remembers the last keys, no more and no less") {
  std::mt19937_64 random(11);
  for (const std::size_t capacity : std::initializer_list<std::size_t>{1, 2, 3, 7, 8, 64}) {
    DuplicateWindow window(capacity);
    std::deque<std::int64_t> model;
    for (int step = 0; step < 5000; ++step) {
      const auto id = static_cast<std::int64_t>(random() % (2 * capacity + 2));
      const TickKey key{id, 0.0, 0.0};
      const bool known = std::find(model.begin(), model.end(), id) != model.end();
      REQUIRE(window.holds(key) == known);
      if (known) continue;
      window.add(key);
      model.push_back(id);
      if (model.size() > capacity) model.pop_front();
      REQUIRE(window.size() == model.size());
      for (const std::int64_t one : model) REQUIRE(window.holds({one, 0.0, 0.0}));
    }
  }
}

TEST_CASE("keys differ in each of their numbers, and -0 is 0") {
  DuplicateWindow window(4);
  window.add({5, 100.0, 0.0});
  CHECK(window.holds({5, 100.0, -0.0}));
  CHECK_FALSE(window.holds({6, 100.0, 0.0}));
  CHECK_FALSE(window.holds({5, 100.5, 0.0}));
  CHECK_FALSE(window.holds({5, 100.0, 1.0}));
}

TEST_CASE("a price is far when it is many median deviations from the median") {
  std::mt19937_64 random(12);
  std::normal_distribution<double> step(0.0, 1.0);
  for (const std::size_t size : std::initializer_list<std::size_t>{4, 5, 8, 33}) {
    JumpFilter filter(3.0, size);
    std::deque<double> model;
    for (int i = 0; i < 2000; ++i) {
      const double price = std::round((100.0 + step(random)) * 4.0) / 4.0;
      std::vector<double> sorted(model.begin(), model.end());
      std::sort(sorted.begin(), sorted.end());
      bool far = false;
      if (model.size() == size) {
        const double middle = size % 2 == 1 ? sorted[size / 2] : 0.5 * (sorted[size / 2 - 1] + sorted[size / 2]);
        std::vector<double> distances;
        std::transform(sorted.begin(), sorted.end(), std::back_inserter(distances),
                       [&](double one) { return std::fabs(one - middle); });
        std::sort(distances.begin(), distances.end());
        far = distances[size / 2] > 0.0 && std::fabs(price - middle) > 3.0 * distances[size / 2];
      }
      REQUIRE(filter.far(price) == far);
      filter.add(price);
      model.push_back(price);
      if (model.size() > size) model.pop_front();
    }
  }
}

TEST_CASE("a guarded tick allocates nothing") {
  Engine::Options options;
  options.policy.order = OrderRule::buffer;
  options.policy.lateness = 5;
  options.policy.buffer_size = 16;
  options.policy.duplicates = DuplicateRule::value;
  options.policy.duplicate_window = 100;
  options.policy.jumps = 4.0;
  options.policy.invalid = InvalidRule::clamp;
  const auto engine =
      std::make_unique<Engine>(std::vector<NodeSpec>{{"sma", find_kernel("SMA"), {5}, "", {}}}, options);
  Symbol& symbol = *engine->symbol("A");
  std::mt19937_64 random(13);
  std::vector<Tick> ticks;
  for (std::int64_t i = 0; i < 5000; ++i) {
    const auto late = static_cast<std::int64_t>(random() % 12);
    const double price =
        random() % 50 == 0 ? -1.0 : 100.0 + static_cast<double>(random() % 9) + (random() % 40 == 0 ? 90.0 : 0.0);
    ticks.push_back({earliest_ts + 3 * i - late, price, static_cast<double>(random() % 3)});
  }
  const std::size_t before = allocations();
  for (const Tick& tick : ticks) symbol.on_tick(tick);
  symbol.flush();
  const std::size_t after = allocations();
  CHECK(after == before);
  const auto& buckets = symbol.ledger().buckets;
  std::uint64_t sum = 0;
  for (const std::uint64_t n : buckets) sum += n;
  CHECK(sum == symbol.ledger().received);
  CHECK(buckets[static_cast<std::size_t>(Outcome::held)] == 0);
  for (const Outcome outcome : {Outcome::accepted, Outcome::late_dropped, Outcome::duplicate, Outcome::invalid})
    CHECK(buckets[static_cast<std::size_t>(outcome)] > 0);
}
