// Values in order of size, for windows too long to be kept in a row: a treap over numbered slots, in the arena.
// Putting one in, taking one out and finding one by its rank take about as many steps as the number of values has
// doublings (bench `order/`). Priorities are a hash of the slot, so the same values make the same tree.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>

#include "fastcore/memory/arena.hpp"

namespace fastcore {

/// At most `slots` values, each in a slot of its own, counted from 1. All that changes lies in the arena.
class RankTree {
 public:
  RankTree(std::size_t slots, Arena& arena) : root_(arena.take<std::int32_t>(1)), nodes_(arena.take<Node>(slots + 1)) {}

  /// How many values are less than x.
  std::size_t less(double x) const noexcept {
    std::int32_t found = 0;
    for (std::int32_t at = *root_; at != 0;) {
      const Node& n = nodes_[at];
      const bool right = n.value < x;
      found += right ? nodes_[n.child[0]].size + 1 : 0;
      at = n.child[right];
    }
    return static_cast<std::size_t>(found);
  }

  /// The value of that rank, 0 for the smallest.
  double operator[](std::size_t rank) const noexcept {
    auto left = static_cast<std::int32_t>(rank);
    for (std::int32_t at = *root_; at != 0;) {
      const Node& n = nodes_[at];
      const std::int32_t below = nodes_[n.child[0]].size;
      if (left == below) return n.value;
      const bool right = left > below;
      left -= right ? below + 1 : 0;
      at = n.child[right];
    }
    return 0.0;
  }

  /// Puts x into a slot that is free.
  void insert(std::int32_t slot, double x) noexcept {
    const std::uint32_t own = priority(slot);
    std::int32_t* link = root_;
    while (*link != 0 && nodes_[*link].priority > own) {
      Node& n = nodes_[*link];
      ++n.size;
      link = &n.child[before(n, *link, x, slot)];
    }
    const std::int32_t below = *link;
    Node& n = nodes_[slot];
    n = {x, own, nodes_[below].size + 1, {0, 0}};
    split(below, x, slot, n.child);
    *link = slot;
  }

  /// Takes out the value of a slot.
  void erase(std::int32_t slot) noexcept {
    const double x = nodes_[slot].value;
    std::int32_t* link = root_;
    while (*link != slot) {
      Node& n = nodes_[*link];
      --n.size;
      link = &n.child[before(n, *link, x, slot)];
    }
    *link = merge(nodes_[slot].child[0], nodes_[slot].child[1]);
  }

  void clear() noexcept { *root_ = 0; }

 private:
  struct Node {
    double value;
    std::uint32_t priority;
    std::int32_t size;      // of the tree below and itself; slot 0 is no node, and of size 0
    std::int32_t child[2];  // smaller and larger
  };

  static std::uint32_t priority(std::int32_t slot) noexcept {
    auto x = static_cast<std::uint32_t>(slot) * 0x9e3779b9U;
    x = (x ^ (x >> 16U)) * 0x85ebca6bU;
    x = (x ^ (x >> 13U)) * 0xc2b2ae35U;
    return x ^ (x >> 16U);
  }

  /// The order: by value, and of equal values by slot.
  static bool before(const Node& n, std::int32_t at, double x, std::int32_t slot) noexcept {
    return n.value < x || (n.value == x && at < slot);
  }

  /// Parts a tree into what comes before (x, slot) and what comes after: two steps on average.
  void split(std::int32_t at, double x, std::int32_t slot, std::int32_t* parts) noexcept {
    if (at == 0) {
      parts[0] = parts[1] = 0;
      return;
    }
    Node& n = nodes_[at];
    const bool first = before(n, at, x, slot);
    std::int32_t inner[2];
    split(n.child[first], x, slot, inner);
    n.child[first] = inner[!first];
    parts[!first] = at;
    parts[first] = inner[first];
    n.size = nodes_[n.child[0]].size + nodes_[n.child[1]].size + 1;
  }

  /// One tree of two, all of the first before all of the second: two steps on average.
  std::int32_t merge(std::int32_t a, std::int32_t b) noexcept {
    if (a == 0 || b == 0) return a + b;
    const bool first = nodes_[a].priority > nodes_[b].priority;
    const std::int32_t top = first ? a : b;
    Node& n = nodes_[top];
    n.size = nodes_[a].size + nodes_[b].size;
    n.child[first] = first ? merge(n.child[1], b) : merge(a, n.child[0]);
    return top;
  }

  std::int32_t* root_;
  Node* nodes_;
};

}  // namespace fastcore
