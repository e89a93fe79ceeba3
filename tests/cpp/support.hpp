// What the tests share: seeded series, comparison by bits, and states in memory of their own.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "fastcore/archive.hpp"
#include "fastcore/memory/arena.hpp"

namespace fastcore::testing {

using Values = std::vector<double>;
using Random = std::mt19937_64;

/// A whole number from `least` to `most`, the same on every machine.
inline int whole(Random& random, int least, int most) {
  const auto span = static_cast<std::uint64_t>(most - least) + 1;
  return least + static_cast<int>(random() % span);
}
/// A real number from 0 up to 1, the same on every machine.
inline double real(Random& random) { return static_cast<double>(random() >> 11) * 0x1p-53; }

/// Whether two numbers are one: zeroes differ by their sign, NaN is NaN whatever its payload.
inline bool same(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  return std::memcmp(&a, &b, sizeof a) == 0;
}
/// First place from `from` on where two series differ; their size when there is none.
inline std::size_t first_difference(const Values& a, const Values& b, std::size_t from = 0) {
  const std::size_t size = std::min(a.size(), b.size());
  while (from < size && same(a[from], b[from])) ++from;
  return from == size && a.size() == b.size() ? size : from;
}

/// A random walk: prices.
inline Values walk(std::size_t rows, std::uint64_t seed, double level = 100.0, double step = 0.01) {
  Random random(seed);
  Values x(rows);
  double at = level;
  for (double& value : x) {
    at += step * (2.0 * real(random) - 1.0);
    value = at;
  }
  return x;
}
/// All that a price should not be: signs, zeroes of both, repeats, and magnitudes from 1e-6 to 1e6.
inline Values rough(std::size_t rows, std::uint64_t seed) {
  Random random(seed);
  Values x(rows);
  for (std::size_t i = 0; i < rows; ++i) {
    const int kind = whole(random, 0, 9);
    if (kind == 0 && i > 0) {
      x[i] = x[i - 1];
    } else if (kind <= 2) {
      x[i] = kind == 1 ? 0.0 : -0.0;
    } else {
      x[i] = (2.0 * real(random) - 1.0) * std::pow(10.0, whole(random, -6, 6));
    }
  }
  return x;
}

/// Cuts `rows` into parts of 1 to `most`.
inline std::vector<std::size_t> cuts(std::size_t rows, Random& random, int most) {
  std::vector<std::size_t> parts;
  while (rows > 0) {
    parts.push_back(std::min(rows, static_cast<std::size_t>(whole(random, 1, most))));
    rows -= parts.back();
  }
  return parts;
}

/// A T with arrays in an arena, and the block they lie in.
template <class T>
class Housed {
 public:
  template <class... Args>
  explicit Housed(Args... args) : block_(measure(args...)), body_(place(block_, args...)) {}

  T& operator*() noexcept { return body_; }
  T* operator->() noexcept { return &body_; }

 private:
  template <class... Args>
  static std::size_t measure(Args... args) {
    Arena arena;
    const T unused(args..., arena);
    return arena.used();
  }
  template <class... Args>
  static T place(const Block& block, Args... args) {
    Arena arena(block.data(), block.size());
    return T(args..., arena);
  }
  Block block_;
  T body_;
};

template <class T>
std::string save(T& body) {
  ByteWriter out;
  StateSaver saver(out);
  body.state(saver);
  return out.take();
}
template <class T>
void load(T& body, const std::string& bytes) {
  ByteReader in(bytes);
  StateLoader loader(in, "a test");
  body.state(loader);
}

}  // namespace fastcore::testing
