// Waiting and waking. A sleeper sets the bell and sleeps on the low half of `done`; the kernel compares that
// word once more before it lets it sleep, so a message that comes in between is not missed. The writer looks
// at the bell after each message and makes a system call only where it is set; it clears it first, so that
// a reader that was killed in its sleep costs one call and no more.
//
// The writer's look could overtake its own store of `done`. A fence against that would cost it more than the
// message; so the reader pays, by membarrier(2), which puts the fence into the writer's process. Where there
// is no membarrier a reader sleeps for a millisecond at a time.
#include "fastcore/ipc/wait.hpp"

#include <linux/futex.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <ctime>

#include "fastcore/ipc/broadcast_ring.hpp"

namespace fastcore {

namespace {

constexpr std::uint64_t second = 1'000'000'000;
constexpr std::uint64_t nap = 50'000'000;        // asleep before it looks whether the segment is still open
constexpr std::uint64_t short_nap = 1'000'000;   // the same without membarrier
constexpr std::uint64_t look_again = 50'000;     // without a bell
constexpr std::uint64_t before_sleep = 20'000;   // of looking: what a wake-up costs

std::uint64_t now_of(clockid_t clock) noexcept {
  timespec t{};
  clock_gettime(clock, &t);
  return static_cast<std::uint64_t>(t.tv_sec) * second + static_cast<std::uint64_t>(t.tv_nsec);
}

timespec span_of(std::uint64_t ns) noexcept {
  timespec t{};
  t.tv_sec = static_cast<std::time_t>(ns / second);
  t.tv_nsec = static_cast<long>(ns % second);
  return t;
}

void relax() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// The half of a word that changes with every message.
const std::uint32_t* low_half(const Word& word) noexcept {
  const auto* halves = reinterpret_cast<const std::uint32_t*>(&word);
  return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? halves : halves + 1;
}

void sleep_on(const Word& done, std::uint64_t seen, std::uint64_t ns) noexcept {
  const timespec span = span_of(ns);
  syscall(SYS_futex, low_half(done), FUTEX_WAIT, static_cast<std::uint32_t>(seen), &span, nullptr, 0);
}

bool fence_others() noexcept { return syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0) == 0; }

}  // namespace

std::uint64_t coarse_now() noexcept { return now_of(CLOCK_MONOTONIC_COARSE); }

void prepare_to_wake() noexcept { syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0, 0); }

void wake_readers(SegmentLive& live, SegmentBell& bell) noexcept {
  bell.rung.store(0, std::memory_order_relaxed);
  syscall(SYS_futex, low_half(live.marks.done), FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

bool wait_for(const SegmentLive& live, SegmentBell* bell, std::uint64_t next, Waiting how, std::uint64_t ns) noexcept {
  const auto there = [&] { return live.marks.done.load(std::memory_order_acquire) > next; };
  if (there()) return true;
  const std::uint64_t start = now_of(CLOCK_MONOTONIC);
  for (;;) {
    for (int looks = 0; looks < 64; ++looks) {
      if (there()) return true;
      relax();
    }
    const std::uint64_t waited = now_of(CLOCK_MONOTONIC) - start;
    const bool open = live.state.load(std::memory_order_acquire) == static_cast<std::uint64_t>(SegmentState::open);
    if (!open || waited >= ns) return there();
    if (how == Waiting::yield) sched_yield();
    if (how != Waiting::sleep || waited < before_sleep) continue;
    const std::uint64_t left = ns - waited;
    if (bell == nullptr) {
      const timespec span = span_of(std::min(left, look_again));
      nanosleep(&span, nullptr);
      continue;
    }
    bell->rung.store(1, std::memory_order_relaxed);
    const std::uint64_t most = fence_others() ? nap : short_nap;
    const std::uint64_t seen = live.marks.done.load(std::memory_order_acquire);
    if (seen <= next) sleep_on(live.marks.done, seen, std::min(left, most));
  }
}

}  // namespace fastcore
