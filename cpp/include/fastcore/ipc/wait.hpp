// How a reader waits for the next message: by looking again and again, by giving way to others between two
// looks, or asleep until the writer wakes it.
#pragma once

#include <cstdint>

#include "fastcore/ipc/segment.hpp"

namespace fastcore {

enum class Waiting {
  spin,   ///< looks all the time: the fastest, and takes a whole processor
  yield,  ///< gives way between two looks: for more readers than processors
  sleep   ///< looks for some microseconds, then sleeps on a futex: takes nothing, wakes in some ten microseconds
};

/// Waits until a message after `next` is whole, or the segment is no longer open, or `ns` have passed; whether
/// there is a message. `bell` is null where this process may not ask to be woken: it then looks every 50 us.
bool wait_for(const SegmentLive& live, SegmentBell* bell, std::uint64_t next, Waiting how, std::uint64_t ns) noexcept;

/// Lets readers of other processes order their sleep against this process's stores; once in a writer's life.
void prepare_to_wake() noexcept;

}  // namespace fastcore
