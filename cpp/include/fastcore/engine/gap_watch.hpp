// What a symbol knows of the gaps between its ticks: how many of which kind there were, and which last.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "fastcore/bars/bar.hpp"
#include "fastcore/engine/policy.hpp"
#include "fastcore/engine/tick.hpp"

namespace fastcore {

struct GapWatch {
  std::uint16_t open = 0;    ///< bits of Gap: since the last tick
  std::int64_t heard = 0;   ///< time of the newest tick; kept where silence is watched
  std::int64_t last_id = 0; ///< the largest id; kept where ids are watched
  std::array<std::int64_t, gap_count> counts{};

  void note(Gap gap) noexcept {
    ++counts[place(gap)];
    open = static_cast<std::uint16_t>(open | bit(gap));
  }
  std::int64_t count(Gap gap) const noexcept { return counts[place(gap)]; }

  /// Whether it has been silent at `ts`, and that is not known yet.
  bool silent(std::int64_t ts, const Policy& policy) const noexcept {
    return policy.silence > 0 && heard != 0 && ts - heard > policy.silence && (open & bit(Gap::silence)) == 0;
  }
  bool skips(const Tick& tick, const Policy& policy) const noexcept {
    return policy.sequence == SequenceRule::id && last_id > 0 && tick.id > 0 && tick.id - last_id > 1;
  }
  void hear(const Tick& tick) noexcept {
    heard = std::max(heard, tick.ts);
    last_id = std::max(last_id, tick.id);
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("open", open);
    archive("heard", heard);
    archive("last_id", last_id);
    archive.array("counts", counts.data(), counts.size());
  }

 private:
  static std::size_t place(Gap gap) noexcept { return static_cast<std::size_t>(__builtin_ctz(bit(gap))); }
};

}  // namespace fastcore
