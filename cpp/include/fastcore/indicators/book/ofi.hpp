// OFI: what came to, and left, the best queues of the book.
#pragma once

#include "fastcore/indicators/time/windows.hpp"
#include "fastcore/spec.hpp"
#include "fastcore/window/time_window.hpp"

namespace fastcore {

class Ofi {
 public:
  static constexpr auto spec() {
    return detail::with_time<TimeParams>(
        describe<TimeParams>(
            "OFI",
            "Order-flow imbalance of the last `seconds`: size that joined the bid or left the ask, less the opposite. Rows in which the quote is as before take no room.")
            .formula(
                "e = (bid >= bid[-1]) * bid_size - (bid <= bid[-1]) * bid_size[-1] - (ask <= ask[-1]) * ask_size + (ask >= ask[-1]) * ask_size[-1]; ofi = sum of e where ts > newest ts - seconds")
            .source(
                "Cont, Kukanov, Stoikov, The Price Impact of Order Book Events, Journal of Financial Econometrics 12:1 (2014), eq. 2")
            .inputs("ts", "bid", "ask", "bid_size", "ask_size")
            .outputs(bar("ofi")));
  }
  static constexpr int warmup(const TimeParams&) { return 1; }

  Ofi(const TimeParams& p, Arena& arena) : window_(p, arena) {}

  double operator()(double ts, double bid, double ask, double bid_size, double ask_size) noexcept {
    window_.advance(ts);
    if (begun_) {
      double flow = bid >= bid_ ? bid_size : 0.0;
      if (bid <= bid_) flow -= bid_size_;
      if (ask <= ask_) flow -= ask_size;
      if (ask >= ask_) flow += ask_size_;
      if (flow != 0.0) window_.push(flow);
    }
    begun_ = true;
    bid_ = bid;
    ask_ = ask;
    bid_size_ = bid_size;
    ask_size_ = ask_size;
    return window_.empty() ? 0.0 : window_.total().sum;
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("begun", begun_);
    archive("bid", bid_);
    archive("ask", ask_);
    archive("bid_size", bid_size_);
    archive("ask_size", ask_size_);
    archive("window", window_);
  }

 private:
  TimeWindow<SumPart> window_;
  double bid_ = 0.0;
  double ask_ = 0.0;
  double bid_size_ = 0.0;
  double ask_size_ = 0.0;
  bool begun_ = false;
};

}  // namespace fastcore
