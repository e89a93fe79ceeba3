// Where history ends and live ticks begin. A feed that was opened while history was being fetched repeats the end
// of it: a tick of the history is told from a new one by the venue's number, or else by its time, price and size.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "fastcore/archive.hpp"
#include "fastcore/engine/tick.hpp"

namespace fastcore {

class Splice {
 public:
  enum class Phase : std::uint8_t { off, history, live };
  static constexpr const char* phases[] = {"off", "history", "live"};

  /// At one time so many ticks are told apart by price and size; should there be more, all of that time are known.
  static constexpr std::size_t most = 65'536;

  Phase phase() const noexcept { return phase_; }
  /// Takes note of a tick of the history.
  void note(const Tick& tick);
  /// From here on ticks are live; where there was no history, there is nothing to splice.
  void go_live() noexcept {
    phase_ = ts_ == 0 ? Phase::off : Phase::live;
    had_all_ = 0;
  }
  /// Begins to take note, on top of what is known: of a symbol whose newest tick has that time, and whose highest
  /// number is that, 0 for none.
  void begin(std::int64_t ts, std::int64_t id);
  /// Whether a tick of the history had been taken before the history began.
  bool had(const Tick& tick) noexcept;

  /// Whether a live tick was in the history, which ends with `late` ns of patience for ticks out of order.
  bool knows(const Tick& tick, std::int64_t late) noexcept;

  template <class Archive>
  void state(Archive& archive) {
    archive.choice("phase", phase_, phases);
    archive("ts", ts_);
    archive("id", id_);
    archive("many", many_);
    list_state(archive, "last", last_, most);
    archive("had_ts", had_ts_);
    archive("had_id", had_id_);
    archive("had_all", had_all_);
    list_state(archive, "had", had_, most);
  }

 private:
  struct Seen {
    double price = 0.0;
    double size = 0.0;
    std::int8_t side = 0;
    template <class Archive>
    void state(Archive& archive) {
      archive("price", price);
      archive("size", size);
      archive("side", side);
    }
  };
  /// Strikes out a tick that is equal in what it has; false where there is none.
  static bool strike(std::vector<Seen>& all, const Tick& tick) noexcept;

  Phase phase_ = Phase::off;
  std::int64_t ts_ = 0;      // of the newest tick of the history
  std::int64_t id_ = 0;      // the highest; 0 where ticks have none
  std::uint8_t many_ = 0;    // 1: there were more than `most` at that time
  std::vector<Seen> last_;   // the ticks at that time which have not come again yet
  std::int64_t had_ts_ = 0;   // of the newest tick when the history began
  std::int64_t had_id_ = 0;   // the highest number by then
  std::uint8_t had_all_ = 0;  // 1: which ticks there were at the last time is not known
  std::vector<Seen> had_;     // the ticks at that time which the history has not repeated yet
};

}  // namespace fastcore
