// When a later stage begins: an average of what another gives must not see the rows before its first value.
#pragma once

#include <cstddef>

namespace fastcore {

/// Counts the rows before something begins.
class Onset {
 public:
  /// Begins behind `missing` >= 0 rows.
  explicit Onset(int missing) noexcept : missing_(missing), most_(missing) {}

  /// Whether this row counts.
  bool operator()() noexcept {
    if (missing_ == 0) return true;
    --missing_;
    return false;
  }
  /// How many of the next n rows do not count; they are counted off.
  std::size_t skip(std::size_t n) noexcept {
    const auto left = static_cast<std::size_t>(missing_);
    const std::size_t rows = left < n ? left : n;
    missing_ -= static_cast<int>(rows);
    return rows;
  }
  bool begun() const noexcept { return missing_ == 0; }

  template <class Archive>
  void state(Archive& archive) {
    archive("missing", missing_);
    if constexpr (Archive::loading) {
      if (missing_ < 0 || missing_ > most_) archive.fail("missing");
    }
  }

 private:
  int missing_;
  int most_;
};

}  // namespace fastcore
