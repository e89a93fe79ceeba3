// A moving average of a kind that is chosen by a number, as TA-Lib's MA_Type does: what MA, APO, PPO,
// MACDEXT, the stochastics and MAVP smooth with.
#pragma once

#include <array>
#include <type_traits>
#include <variant>

#include "fastcore/indicators/dema.hpp"
#include "fastcore/indicators/ema.hpp"
#include "fastcore/indicators/hma.hpp"
#include "fastcore/indicators/kama.hpp"
#include "fastcore/indicators/mama.hpp"
#include "fastcore/indicators/rma.hpp"
#include "fastcore/indicators/sma.hpp"
#include "fastcore/indicators/t3.hpp"
#include "fastcore/indicators/tema.hpp"
#include "fastcore/indicators/trima.hpp"
#include "fastcore/indicators/wma.hpp"
#include "fastcore/indicators/zlema.hpp"
#include "fastcore/window/chunk.hpp"

namespace fastcore {

/// Kinds of moving averages, by TA-Lib's numbers. `own` is the one that an indicator usually takes.
enum class Average { sma, ema, wma, dema, tema, trima, kama, mama, t3, hma, none, own, zlema, rma };

inline constexpr const char* average_names[] = {"SMA",  "EMA", "WMA", "DEMA", "TEMA", "TRIMA", "KAMA",
                                                "MAMA", "T3",  "HMA", "none", "own",  "ZLEMA", "RMA"};

/// The kind that a number stands for; `usual` where it says own. A period of 1 copies the input.
constexpr Average average_of(int number, int period, Average usual) noexcept {
  const auto kind = static_cast<Average>(number);
  if (period <= 1) return Average::none;
  return kind == Average::own ? usual : kind;
}

class MovingAverage {
 public:
  /// `period` >= 1 rows.
  MovingAverage(Average kind, int period, Arena& arena)
      : body_(make(kind, period, arena)), warmup_(warmup(kind, period)) {}

  /// Rows until the first value.
  static constexpr int warmup(Average kind, int period) noexcept {
    switch (kind) {
      case Average::sma:
      case Average::ema:
      case Average::wma:
      case Average::trima:
      case Average::rma: return period;
      case Average::dema: return Dema::warmup({period});
      case Average::tema: return Tema::warmup({period});
      case Average::kama: return Kama::warmup({period, 2, 30});
      case Average::mama: return Mama::warmup({});
      case Average::t3: return T3::warmup({period, 0.7});
      case Average::hma: return Hma::warmup({period});
      case Average::zlema: return Zlema::warmup({period});
      case Average::none:
      case Average::own: return 1;
    }
    return 1;
  }

  double operator()(double x) noexcept {
    if (rows_ < warmup_) ++rows_;
    return with<double>([x](auto& body) { return first(body(x)); });
  }

  void run(const double* x, std::size_t n, double* out) noexcept {
    const auto missing = static_cast<std::size_t>(warmup_ - rows_);
    rows_ = n < missing ? rows_ + static_cast<int>(n) : warmup_;
    with<void>([&](auto& body) {
      if constexpr (std::is_same_v<std::remove_reference_t<decltype(body)>, Mama>) {
        for (std::size_t i = 0; i < n; ++i) out[i] = body(x[i])[0];
      } else {
        body.run(std::array<const double*, 1>{x}, std::array<double*, 1>{out}, n);
      }
    });
  }

  /// Whether what was returned last is a value: what is fed to another average begins there.
  bool ready() const noexcept { return rows_ == warmup_; }
  /// Rows that the next `n` give before the first value.
  std::size_t missing(std::size_t n) const noexcept {
    const auto rows = ready() ? std::size_t{0} : static_cast<std::size_t>(warmup_ - rows_ - 1);
    return rows < n ? rows : n;
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("rows", rows_);
    if constexpr (Archive::loading) {
      if (rows_ < 0 || rows_ > warmup_) archive.fail("rows");
    }
    with<void>([&](auto& body) { archive("body", body); });
  }

 private:
  struct Copy {
    double operator()(double x) const noexcept { return x; }
    void run(const std::array<const double*, 1>& in, const std::array<double*, 1>& out, std::size_t n) const noexcept {
      for (std::size_t i = 0; i < n; ++i) out[0][i] = in[0][i];
    }
    template <class Archive>
    void state(Archive&) {}
  };
  using Body =
      std::variant<Copy, Windowed<Sma>, Ema, Windowed<Wma>, Dema, Tema, Trima, Kama, Mama, T3, Hma, Zlema, Rma>;
  static_assert(std::is_trivially_copyable_v<Body>, "a state is copied byte by byte for peek");

  /// Calls visit(the average); std::visit would have to be able to throw.
  template <class Result, std::size_t I = 0, class Visit>
  Result with(const Visit& visit) {
    if constexpr (I + 1 == std::variant_size_v<Body>) {
      return visit(*std::get_if<I>(&body_));
    } else {
      if (auto* const body = std::get_if<I>(&body_)) return visit(*body);
      return with<Result, I + 1>(visit);
    }
  }

  static double first(double x) noexcept { return x; }
  static double first(const std::array<double, 2>& row) noexcept { return row[0]; }

  static Body make(Average kind, int period, Arena& arena) {
    switch (kind) {
      case Average::sma: return Windowed<Sma>({period}, arena);
      case Average::ema: return Ema({period});
      case Average::wma: return Windowed<Wma>({period}, arena);
      case Average::dema: return Dema({period});
      case Average::tema: return Tema({period});
      case Average::trima: return Trima({period}, arena);
      case Average::kama: return Kama({period, 2, 30}, arena);
      case Average::mama: return Mama({0.5, 0.05});
      case Average::t3: return T3({period, 0.7});
      case Average::hma: return Hma({period}, arena);
      case Average::zlema: return Zlema({period}, arena);
      case Average::rma: return Rma({period});
      case Average::none:
      case Average::own: return Copy{};
    }
    return Copy{};
  }

  Body body_;
  int warmup_;
  int rows_ = 0;  // up to warmup_
};

}  // namespace fastcore
