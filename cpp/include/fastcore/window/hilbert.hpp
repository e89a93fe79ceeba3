// Ehlers' Hilbert transform of a price: its in-phase and quadrature parts, and from how fast they turn the
// period of the dominant cycle, 6 to 50 rows. What MAMA and the HT indicators are built of.
#pragma once

#include <cmath>
#include <cstddef>

namespace fastcore {

/// The measurement of the dominant cycle, row by row.
class Hilbert {
 public:
  /// Rows before `first` are averaged only; the transform begins behind them.
  explicit Hilbert(int first) noexcept : first_(first) {}

  /// Takes the next price; what is read afterwards is of this row.
  void operator()(double price) noexcept {
    smooth_ = (4.0 * price + 3.0 * prices_[0] + 2.0 * prices_[1] + prices_[2]) * 0.1;
    prices_[2] = prices_[1];
    prices_[1] = prices_[0];
    prices_[0] = price;
    if (rows_ < first_) {
      ++rows_;
      return;
    }
    transform();
  }

  bool begun() const noexcept { return rows_ == first_; }
  double smooth() const noexcept { return smooth_; }          ///< the price, averaged over four rows
  double inphase() const noexcept { return inphase_; }
  double quadrature() const noexcept { return quadrature_; }
  double period() const noexcept { return period_; }          ///< of the dominant cycle, in rows

  template <class Archive>
  void state(Archive& archive) {
    archive("rows", rows_);
    archive("at", at_);
    if constexpr (Archive::loading) {
      if (rows_ < 0 || rows_ > first_ || at_ > 7) archive.fail("a transform's position is outside its range");
    }
    archive.array("prices", prices_, 3);
    archive.array("smoothed", smoothed_, 8);
    archive.array("detrended", detrended_, 8);
    archive.array("inphases", inphases_, 8);
    archive.array("quadratures", quadratures_, 8);
    archive("smooth", smooth_);
    archive("inphase", inphase_);
    archive("quadrature", quadrature_);
    archive("i2", i2_);
    archive("q2", q2_);
    archive("re", re_);
    archive("im", im_);
    archive("period", period_);
  }

 private:
  /// Puts x into a series' place of this row and gives its transform, from every other of seven rows.
  double filter(double* series, double x, double scale) const noexcept {
    constexpr double outer = 0.0962;
    constexpr double inner = 0.5769;
    series[at_] = x;
    const double wide = x - series[(at_ + 2) & 7];    // six rows ago
    const double near = series[(at_ + 6) & 7] - series[(at_ + 4) & 7];  // two and four
    return (outer * wide + inner * near) * scale;
  }

  void transform() noexcept {
    const double scale = 0.075 * period_ + 0.54;
    const double detrender = filter(smoothed_, smooth_, scale);
    detrended_[at_] = detrender;
    inphase_ = detrended_[(at_ + 5) & 7];  // three rows ago
    quadrature_ = scale * (0.0962 * (detrender - detrended_[(at_ + 2) & 7]) +
                           0.5769 * (detrended_[(at_ + 6) & 7] - detrended_[(at_ + 4) & 7]));
    const double i_ahead = filter(inphases_, inphase_, scale);
    const double q_ahead = filter(quadratures_, quadrature_, scale);
    at_ = (at_ + 1) & 7;
    const double i2 = 0.2 * (inphase_ - q_ahead) + 0.8 * i2_;
    const double q2 = 0.2 * (quadrature_ + i_ahead) + 0.8 * q2_;
    re_ = 0.2 * (i2 * i2_ + q2 * q2_) + 0.8 * re_;
    im_ = 0.2 * (i2 * q2_ - q2 * i2_) + 0.8 * im_;
    i2_ = i2;
    q2_ = q2;
    const double before = period_;
    double period = before;
    if (im_ != 0.0 && re_ != 0.0) period = full_turn / std::atan(im_ / re_);
    if (period > 1.5 * before) period = 1.5 * before;
    if (period < 0.67 * before) period = 0.67 * before;
    if (period < 6.0) {
      period = 6.0;
    } else if (period > 50.0) {
      period = 50.0;
    }
    period_ = 0.2 * period + 0.8 * before;
  }

  static constexpr double full_turn = 6.283185307179586476925;

  double prices_[3] = {};
  double smoothed_[8] = {};
  double detrended_[8] = {};
  double inphases_[8] = {};
  double quadratures_[8] = {};
  double smooth_ = 0.0;
  double inphase_ = 0.0;
  double quadrature_ = 0.0;
  double i2_ = 0.0;
  double q2_ = 0.0;
  double re_ = 0.0;
  double im_ = 0.0;
  double period_ = 0.0;
  std::size_t at_ = 0;
  int first_;
  int rows_ = 0;  // before the transform, counted up to first_
};

}  // namespace fastcore
