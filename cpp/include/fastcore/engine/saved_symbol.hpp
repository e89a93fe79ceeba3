// A symbol as a snapshot holds it: what it is besides its nodes, its row, the bars of each clock, the states of
// the nodes, one after the other in the order of the plan; and on its own, if asked for, what was.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fastcore/engine/snapshot.hpp"

namespace fastcore {

/// One symbol's bytes, taken apart.
struct SavedSymbol {
  struct Bars {
    std::string_view builder;
    std::string_view newest;  ///< the closed bar before the forming one; empty when there is none
  };
  struct Record {
    std::int64_t schema = 0;
    std::string_view bytes;
  };
  std::string name;
  Record policy;
  Record self;
  std::string_view row;  ///< doubles, by column
  std::vector<Bars> bars;  ///< by clock, without ticks
  std::vector<std::string_view> nodes;

  double value(std::size_t column) const;
};

/// The rows and bars of one symbol.
struct SavedHistory {
  struct Rows {
    std::uint64_t generation = 0;
    std::size_t count = 0;
    std::string_view values;  ///< doubles, row by row, by column of the clock
  };
  struct Bars {
    std::uint64_t generation = 0;
    std::vector<std::string_view> bars;
  };
  std::vector<Rows> rows;  ///< by clock; none when no history was kept
  std::vector<Bars> bars;  ///< by clock, without ticks
};

/// Reads the symbols of a snapshot. Throws SnapshotError where they do not follow the plan.
class SavedSymbols {
 public:
  SavedSymbols(const SnapshotReader& snapshot, const SavedPlan& plan);

  std::size_t count() const noexcept { return count_; }
  bool has_history() const noexcept { return has_history_; }
  /// The next symbol, and its history where there is one.
  SavedSymbol next(SavedHistory& history);
  /// Throws if there are bytes after the last.
  void finish() const;
  /// Columns of a clock, in the order of its history.
  const std::vector<std::size_t>& columns(std::size_t clock) const noexcept { return columns_[clock]; }

 private:
  SavedSymbol::Record numbered_record(ByteReader& in) const;
  void read_history(SavedHistory& history);

  const SnapshotReader& snapshot_;
  const SavedPlan& plan_;
  ByteReader in_;
  ByteReader history_;
  bool has_history_;
  std::size_t count_;
  std::vector<std::vector<std::size_t>> columns_;  // by clock
};

/// How the symbols of a snapshot become those of an engine: what differs between the two, found once.
class SymbolFit {
 public:
  SymbolFit(const SnapshotReader& snapshot, const SavedPlan& saved, PlanFit fit);

  const PlanFit& plan() const noexcept { return fit_; }
  const SavedPlan& saved() const noexcept { return saved_; }
  /// A saved node's record as its node here loads it.
  std::string_view node(std::size_t node, std::string_view record) { return nodes_[node](record); }
  /// Loads a saved record of something besides the nodes. Each kind of thing has a slot of its own.
  template <class State>
  void load(State& state, std::size_t slot, const SavedSymbol::Record& record, const char* owner) {
    auto found = others_.find({slot, record.schema});
    if (found == others_.end()) {
      RecordFit made(snapshot_.schema(record.schema), schema_of(state), record_of(state), owner);
      found = others_.emplace(std::make_pair(slot, record.schema), std::move(made)).first;
    }
    load_fitted(state, found->second(record.bytes), owner);
  }
  static constexpr std::size_t policy_slot = 0, self_slot = 1, bar_slot = 2, builder_slot = 3;  // and the clock

 private:
  const SnapshotReader& snapshot_;
  const SavedPlan& saved_;
  PlanFit fit_;
  std::vector<RecordFit> nodes_;
  std::map<std::pair<std::size_t, std::int64_t>, RecordFit> others_;
};

}  // namespace fastcore
