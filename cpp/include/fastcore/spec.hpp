// The vocabulary of a declaration: what an indicator is called, takes, gives and means. Everything
// that is not the indicator's arithmetic follows from its spec: Python class, function, range
// errors, catalogue, stub, docs page, tests, benchmark rows.
#pragma once

#include <array>
#include <cstddef>

namespace fastcore {

/// How a dashboard draws an output.
enum class Role { line, bar, band, signal };

constexpr const char* role_name(Role role) noexcept {
  switch (role) {
    case Role::line: return "line";
    case Role::bar: return "bar";
    case Role::band: return "band";
    case Role::signal: return "signal";
  }
  return "line";
}

/// One output: its name within the indicator, and its role.
struct Output {
  const char* name = "";
  Role role = Role::line;
};
constexpr Output line(const char* name) noexcept { return {name, Role::line}; }
constexpr Output bar(const char* name) noexcept { return {name, Role::bar}; }
constexpr Output band(const char* name) noexcept { return {name, Role::band}; }
constexpr Output signal(const char* name) noexcept { return {name, Role::signal}; }

/// One parameter of P: a whole number or a real one, its range and its meaning. The default is the
/// member's initialiser in P, and stands nowhere else.
template <class P>
struct Param {
  const char* name = "";
  int P::* whole = nullptr;
  double P::* real = nullptr;
  double least = 0;
  double most = 0;
  const char* doc = "";
  const char* const* choices = nullptr;  ///< names of the whole numbers from 0 to `most`, for enumerations
  bool convention = false;               ///< a choice between sources that differ
};
template <class P>
constexpr Param<P> param(const char* name, int P::* member, int least, int most, const char* doc) noexcept {
  return {name, member, nullptr, static_cast<double>(least), static_cast<double>(most), doc, nullptr, false};
}
template <class P>
constexpr Param<P> param(const char* name, double P::* member, double least, double most, const char* doc) noexcept {
  return {name, nullptr, member, least, most, doc, nullptr, false};
}

/// One of several named kinds, as a whole number that counts the names from 0.
template <class P, std::size_t N>
constexpr Param<P> choice(const char* name, int P::* member, const char* const (&names)[N], const char* doc) noexcept {
  return {name, member, nullptr, 0.0, static_cast<double>(N - 1), doc, names, false};
}

/// A choice between sources that differ in how the same formula begins or divides. The first is TA-Lib's and the
/// default; conventions stand behind all other parameters, and are shown only where they are not the default.
template <class P, std::size_t N>
constexpr Param<P> convention(const char* name, int P::* member, const char* const (&names)[N],
                              const char* doc) noexcept {
  return {name, member, nullptr, 0.0, static_cast<double>(N - 1), doc, names, true};
}

/// For indicators without parameters.
struct NoParams {};

/// The longest window, as TA-Lib's.
inline constexpr int longest_period = 100000;

/// A declaration with `In` inputs, `Out` outputs and `N` parameters of P.
template <class P, std::size_t In, std::size_t Out, std::size_t N>
struct Spec {
  using Params = P;
  static constexpr std::size_t input_count = In;
  static constexpr std::size_t output_count = Out;
  static constexpr std::size_t param_count = N;

  const char* name_ = "";
  const char* doc_ = "";
  const char* formula_ = "";
  const char* source_ = "";
  std::array<const char*, In> inputs_{};
  std::array<Output, Out> outputs_{};
  std::array<Param<P>, N> params_{};

  constexpr Spec formula(const char* text) const {
    Spec next = *this;
    next.formula_ = text;
    return next;
  }
  constexpr Spec source(const char* text) const {
    Spec next = *this;
    next.source_ = text;
    return next;
  }
  template <class... Names>
  constexpr auto inputs(Names... names) const {
    return Spec<P, sizeof...(Names), Out, N>{name_, doc_, formula_, source_, {names...}, outputs_, params_};
  }
  template <class... Outputs>
  constexpr auto outputs(Outputs... all) const {
    return Spec<P, In, sizeof...(Outputs), N>{name_, doc_, formula_, source_, inputs_, {all...}, params_};
  }
  template <class... Params>
  constexpr auto params(Params... all) const {
    return Spec<P, In, Out, sizeof...(Params)>{name_, doc_, formula_, source_, inputs_, outputs_, {all...}};
  }
};

/// Begins a declaration: `describe<SmaParams>("SMA", "Simple moving average").formula(...)...`.
template <class P>
constexpr Spec<P, 0, 0, 0> describe(const char* name, const char* doc) {
  return {name, doc, "", "", {}, {}, {}};
}

}  // namespace fastcore
