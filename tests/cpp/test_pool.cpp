// Pool against a set of what is out and a stack of what is in.
#include <doctest/doctest.h>

#include <set>

#include "allocations.hpp"
#include "fastcore/memory/pool.hpp"
#include "support.hpp"

using namespace fastcore;
using namespace fastcore::testing;

namespace {

struct Order {
  int owner = 0;
};

}  // namespace

TEST_CASE("a pool hands each object to one owner at a time, and the one used last first") {
  Random random(20);
  for (const int capacity : {1, 2, 17, 200}) {
    CAPTURE(capacity);
    Pool<Order> pool(static_cast<std::size_t>(capacity));
    REQUIRE(pool.capacity() == static_cast<std::size_t>(capacity));
    std::vector<Order*> out;
    std::vector<Order*> returned;  // what came back and has not gone out again, the last at the end
    std::set<Order*> all;
    for (int round = 1; round < 5000; ++round) {
      REQUIRE(pool.available() + out.size() == pool.capacity());
      if (whole(random, 0, 1) == 0) {
        Order* const order = pool.take();
        REQUIRE((order == nullptr) == (out.size() == pool.capacity()));
        if (order == nullptr) continue;
        REQUIRE(pool.owns(order));
        REQUIRE(std::find(out.begin(), out.end(), order) == out.end());
        if (!returned.empty()) {
          REQUIRE(order == returned.back());
          returned.pop_back();
        } else {
          REQUIRE(all.insert(order).second);
          REQUIRE(order->owner == 0);
        }
        order->owner = round;
        out.push_back(order);
      } else if (!out.empty()) {
        const auto which = static_cast<std::size_t>(whole(random, 0, static_cast<int>(out.size()) - 1));
        Order* const order = out[which];
        out.erase(out.begin() + static_cast<std::ptrdiff_t>(which));
        const int owner = order->owner;
        pool.give(order);
        REQUIRE(order->owner == owner);  // comes back as it was given
        returned.push_back(order);
      }
    }
    REQUIRE(all.size() <= pool.capacity());
  }
}

TEST_CASE("a pool owns its objects and no others") {
  Pool<Order> pool(4);
  Pool<Order> other(4);
  const Order on_the_stack;
  CHECK_FALSE(pool.owns(&on_the_stack));
  CHECK_FALSE(pool.owns(nullptr));
  std::set<Order*> all;
  for (int i = 0; i < 4; ++i) {
    CHECK_FALSE(pool.owns(other.take()));
    all.insert(pool.take());
  }
  CHECK(all.size() == 4);
  CHECK(pool.take() == nullptr);
  CHECK(*all.rbegin() - *all.begin() == 3);  // side by side
  CHECK_FALSE(pool.owns(*all.rbegin() + 1));
}

TEST_CASE("neither take nor give allocates") {
  Pool<Order> pool(64);
  Order* out[65];
  const std::size_t before = allocations();
  for (int round = 0; round < 100; ++round) {
    for (Order*& order : out) order = pool.take();
    for (Order* const order : out) {
      if (order != nullptr) pool.give(order);
    }
  }
  const std::size_t after = allocations();
  CHECK(after == before);
  CHECK(out[64] == nullptr);
}
