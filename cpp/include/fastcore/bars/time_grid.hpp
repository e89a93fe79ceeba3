// Where the spans of time bars begin and end. Looked up once for each bar, not for each tick.
#pragma once

#include <cstdint>
#include <memory>

#include "fastcore/bars/almanac.hpp"

namespace fastcore {

/// A span of time, its last nanosecond included: the end of the last one that 64 bits hold has no successor.
struct Span {
  std::int64_t first;
  std::int64_t last;
};

/// Spans of one length, one after the other: in UTC, by the clocks of a zone, or within the sessions of a calendar.
class TimeGrid {
 public:
  TimeGrid() = default;
  /// Without an almanac in UTC.
  TimeGrid(std::int64_t span, std::int64_t origin, std::shared_ptr<const Almanac> almanac = nullptr) noexcept
      : span_(span), origin_(origin % span), almanac_(std::move(almanac)) {}

  /// The span that holds `ts`.
  Span at(std::int64_t ts) const noexcept {
    if (almanac_ == nullptr) return plain(ts, origin_);
    return almanac_->sessions ? in_session(ts) : in_zone(ts);
  }
  /// Whether no session begins or ends between two times.
  bool one_session(std::int64_t a, std::int64_t b) const noexcept {
    return almanac_ == nullptr || !almanac_->sessions || almanac_->at(a) == almanac_->at(b);
  }

 private:
  Span plain(std::int64_t ts, std::int64_t origin) const noexcept;
  Span in_zone(std::int64_t ts) const noexcept;
  Span in_session(std::int64_t ts) const noexcept;
  std::int64_t local_start(std::int64_t local) const noexcept { return plain(local, origin_).first; }
  bool runs_on(std::size_t entry, std::int64_t start) const noexcept;

  std::int64_t span_ = 1;
  std::int64_t origin_ = 0;
  std::shared_ptr<const Almanac> almanac_;
};

}  // namespace fastcore
