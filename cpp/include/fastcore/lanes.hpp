// Several doubles at once, and the few operations that plain C++ has not for them. Arithmetic written
// for `class V` runs on a double (one tick), on Pair (two averages of one tick) and on Lanes (four
// blocks) with the same bits in every lane, since each lane does the same IEEE operations in the same
// order.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace fastcore {

using Pair = double __attribute__((vector_size(16)));
using Lanes = double __attribute__((vector_size(32)));
/// What a comparison of Lanes gives: all bits of a lane, or none. `&&`, `||`, `!` and `?:` take it lane by lane.
using Mask = decltype(Lanes{} > Lanes{});
inline constexpr std::size_t lane_count = 4;
/// Whether the machine this is compiled for has registers of that width: without them four at once
/// is slower than one by one (SMA of 20 rows in batch: 3.8 ns a row against 1.3).
#if defined(__AVX__)
inline constexpr bool native_lanes = true;
#else
inline constexpr bool native_lanes = false;
#endif

/// N doubles as one value: a double, a Pair or Lanes.
template <std::size_t N>
struct VectorOf;
template <>
struct VectorOf<1> {
  using type = double;
};
template <>
struct VectorOf<2> {
  using type = Pair;
};
template <>
struct VectorOf<4> {
  using type = Lanes;
};

/// The same number in every lane, or the number itself.
template <class V>
inline V broadcast(double x) noexcept {
  if constexpr (sizeof(V) == sizeof(double)) {
    return x;
  } else {
    return x - V{};  // not plus: -0 + 0 is +0, another number in its bits
  }
}

/// Neighbours in memory, at any alignment.
template <class V>
inline V load(const double* p) noexcept {
  V x;
  __builtin_memcpy(&x, p, sizeof x);
  return x;
}
template <class V>
inline void store(double* p, const V& x) noexcept {
  __builtin_memcpy(p, &x, sizeof x);
}

/// Four doubles, `stride` apart.
inline Lanes gather(const double* p, std::size_t stride) noexcept {
  return Lanes{p[0], p[stride], p[2 * stride], p[3 * stride]};
}
inline void scatter(double* p, std::size_t stride, Lanes x) noexcept {
  p[0] = x[0];
  p[stride] = x[1];
  p[2 * stride] = x[2];
  p[3 * stride] = x[3];
}

/// Two neighbouring rows of columns that are `stride` apart: in about half the instructions of two by themselves.
struct TwoRows {
  Lanes first;
  Lanes second;
};
inline TwoRows gather_two(const double* p, std::size_t stride) noexcept {
#if defined(__AVX__)
  const auto halves = [](const double* a, const double* b) {
    return _mm256_insertf128_pd(_mm256_castpd128_pd256(_mm_loadu_pd(a)), _mm_loadu_pd(b), 1);
  };
  const Lanes even = halves(p, p + 2 * stride);
  const Lanes odd = halves(p + stride, p + 3 * stride);
  return {_mm256_unpacklo_pd(even, odd), _mm256_unpackhi_pd(even, odd)};
#else
  return {gather(p, stride), gather(p + 1, stride)};
#endif
}
inline void scatter_two(double* p, std::size_t stride, const Lanes& first, const Lanes& second) noexcept {
#if defined(__AVX__)
  const Lanes even = _mm256_unpacklo_pd(first, second);
  const Lanes odd = _mm256_unpackhi_pd(first, second);
  _mm_storeu_pd(p, _mm256_castpd256_pd128(even));
  _mm_storeu_pd(p + stride, _mm256_castpd256_pd128(odd));
  _mm_storeu_pd(p + 2 * stride, _mm256_extractf128_pd(even, 1));
  _mm_storeu_pd(p + 3 * stride, _mm256_extractf128_pd(odd, 1));
#else
  scatter(p, stride, first);
  scatter(p + 1, stride, second);
#endif
}

/// Four rows of four as four columns of four.
inline std::array<Lanes, 4> transposed(const Lanes& a, const Lanes& b, const Lanes& c, const Lanes& d) noexcept {
  const Lanes even_ab = __builtin_shufflevector(a, b, 0, 4, 2, 6);
  const Lanes odd_ab = __builtin_shufflevector(a, b, 1, 5, 3, 7);
  const Lanes even_cd = __builtin_shufflevector(c, d, 0, 4, 2, 6);
  const Lanes odd_cd = __builtin_shufflevector(c, d, 1, 5, 3, 7);
  return {__builtin_shufflevector(even_ab, even_cd, 0, 1, 4, 5), __builtin_shufflevector(odd_ab, odd_cd, 0, 1, 4, 5),
          __builtin_shufflevector(even_ab, even_cd, 2, 3, 6, 7), __builtin_shufflevector(odd_ab, odd_cd, 2, 3, 6, 7)};
}

/// The lanes one place up, with `first` below them. In registers: reading a row of memory one cell
/// off from where it was written stalls until the writes have landed (0.3 ns a row in SMA).
inline Lanes shift_in(double first, Lanes x) noexcept {
  const Lanes below = {first, first, first, first};
  return __builtin_shufflevector(x, below, 4, 0, 1, 2);
}

inline double square_root(double x) noexcept { return std::sqrt(x); }
inline Lanes square_root(Lanes x) noexcept {
#if defined(__AVX__)
  return _mm256_sqrt_pd(x);  // GCC 12 makes four scalar roots of the line below: 1.0 ns a row in STDDEV
#else
  return Lanes{std::sqrt(x[0]), std::sqrt(x[1]), std::sqrt(x[2]), std::sqrt(x[3])};
#endif
}

/// a * b + c with one rounding, on every machine.
inline double multiply_add(double a, double b, double c) noexcept { return std::fma(a, b, c); }
inline Pair multiply_add(Pair a, Pair b, Pair c) noexcept {
#if defined(__FMA__)
  return _mm_fmadd_pd(a, b, c);
#else
  return Pair{std::fma(a[0], b[0], c[0]), std::fma(a[1], b[1], c[1])};
#endif
}
inline Lanes multiply_add(Lanes a, Lanes b, Lanes c) noexcept {
#if defined(__FMA__)
  return _mm256_fmadd_pd(a, b, c);
#else
  return Lanes{std::fma(a[0], b[0], c[0]), std::fma(a[1], b[1], c[1]), std::fma(a[2], b[2], c[2]),
               std::fma(a[3], b[3], c[3])};
#endif
}

inline double absolute(double x) noexcept { return std::fabs(x); }
inline Lanes absolute(Lanes x) noexcept {
  using Bits = long long __attribute__((vector_size(32)));
  return reinterpret_cast<Lanes>(reinterpret_cast<Bits>(x) & 0x7fffffffffffffffLL);
}

/// a > b ? a : b, without a branch: which of two prices is larger is what a predictor cannot know.
inline double larger(double a, double b) noexcept {
#if defined(__SSE2__)
  return _mm_cvtsd_f64(_mm_max_sd(_mm_set_sd(a), _mm_set_sd(b)));
#else
  return a > b ? a : b;
#endif
}
inline Lanes larger(Lanes a, Lanes b) noexcept {
#if defined(__AVX__)
  return _mm256_max_pd(a, b);
#else
  return a > b ? a : b;
#endif
}

/// a < b ? a : b, without a branch.
inline double smaller(double a, double b) noexcept {
#if defined(__SSE2__)
  return _mm_cvtsd_f64(_mm_min_sd(_mm_set_sd(a), _mm_set_sd(b)));
#else
  return a < b ? a : b;
#endif
}
inline Lanes smaller(Lanes a, Lanes b) noexcept {
#if defined(__AVX__)
  return _mm256_min_pd(a, b);
#else
  return a < b ? a : b;
#endif
}

/// Whether it holds nowhere.
inline bool none(bool held) noexcept { return !held; }
inline bool none(const Mask& held) noexcept {
#if defined(__AVX__)
  return _mm256_movemask_pd(reinterpret_cast<const Lanes&>(held)) == 0;
#else
  return (held[0] | held[1] | held[2] | held[3]) == 0;
#endif
}

/// One of two numbers, lane by lane.
inline double either(bool first, double a, double b) noexcept { return first ? a : b; }
inline Lanes either(const Mask& first, const Lanes& a, const Lanes& b) noexcept { return first ? a : b; }
inline Lanes either(const Mask& first, double a, double b) noexcept {
  return first ? broadcast<Lanes>(a) : broadcast<Lanes>(b);
}

}  // namespace fastcore
