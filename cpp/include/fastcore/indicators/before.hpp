// The price before: what returns are of.
#pragma once

namespace fastcore {

class PriceBefore {
 public:
  /// Puts the next price in the place of the last, which it gives in `before`; false for the first, which has none.
  bool operator()(double close, double& before) noexcept {
    before = close_;
    close_ = close;
    const bool begun = begun_;
    begun_ = true;
    return begun;
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("begun", begun_);
    archive("close", close_);
  }

 private:
  double close_ = 0.0;
  bool begun_ = false;
};

}  // namespace fastcore
