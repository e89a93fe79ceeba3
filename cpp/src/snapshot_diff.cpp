// Walking two snapshots side by side.
#include "fastcore/engine/snapshot_diff.hpp"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "fastcore/engine/engine.hpp"
#include "fastcore/engine/saved_symbol.hpp"
#include "fastcore/indicator.hpp"

namespace fastcore {

namespace {

using Found = FieldDifference;
using Difference = std::optional<FieldDifference>;

SnapshotDifference of_whole(std::string indicator, Found found) {
  SnapshotDifference all;
  all.indicator = std::move(indicator);
  all.field = std::move(found.field);
  all.a = std::move(found.a);
  all.b = std::move(found.b);
  return all;
}

/// A section of one record.
Difference compare_section(const SnapshotReader& a, const SnapshotReader& b, const char* name) {
  ByteReader in_a(a.section(name));
  ByteReader in_b(b.section(name));
  const Schema& schema_a = a.record_schema(in_a);
  const Schema& schema_b = b.record_schema(in_b);
  return record_difference(schema_a, in_a.raw(in_a.left()), schema_b, in_b.raw(in_b.left()));
}

// ---- the plan ----

SavedPlan plan_of(const SnapshotReader& snapshot) {
  SavedPlan plan;
  snapshot.load("plan", plan);
  plan.check(snapshot.schemas().size());
  return plan;
}

/// The indicator whose column it is, and the output's name, "value" where there is but one.
std::pair<std::string, std::string> owner_of(const SavedPlan& plan, const SavedColumn& column) {
  for (const SavedSpec& spec : plan.specs) {
    if (spec.name == column.name) return {spec.name, "value"};
    if (column.name == spec.name + "." + column.output) return {spec.name, column.output};
  }
  return {column.name, "value"};
}

/// The indicator for which a node runs: its own, or the first that reads it.
std::string label_of(const SavedPlan& plan, std::size_t node) {
  for (const SavedColumn& column : plan.columns) {
    if (static_cast<std::size_t>(column.node) == node) return owner_of(plan, column).first;
  }
  for (std::size_t reader = node + 1; reader < plan.nodes.size(); ++reader) {
    if (plan.nodes[reader].window == static_cast<std::int64_t>(node)) return label_of(plan, reader);
  }
  return plan.nodes[node].kernel;
}

std::optional<SnapshotDifference> compare_plans(SavedPlan a, SavedPlan b) {
  for (std::size_t i = 0; i < std::max(a.specs.size(), b.specs.size()); ++i) {
    if (i == a.specs.size()) return of_whole(b.specs[i].name, {"plan", {}, std::string("there")});
    if (i == b.specs.size()) return of_whole(a.specs[i].name, {"plan", std::string("there"), {}});
    if (auto found = state_difference(a.specs[i], b.specs[i], "plan."))
      return of_whole(a.specs[i].name, std::move(*found));
  }
  // Equal indicators may read windows of their own or one that they share: their states then have no common form.
  for (SavedPlan* const plan : {&a, &b}) {
    for (SavedNode& node : plan->nodes) node.schema = 0;
    for (SavedClock& clock : plan->clocks) clock.bars = 0;
    plan->bar = 0;
  }
  if (auto found = state_difference(a, b, "plan.")) return of_whole("", std::move(*found));
  return {};
}

// ---- symbols ----

/// The symbols of one snapshot, all read.
struct Symbols {
  Symbols(const SnapshotReader& snapshot, const SavedPlan& plan) : reader(snapshot, plan) {
    for (std::size_t left = reader.count(); left > 0; --left) {
      histories.emplace_back();
      all.push_back(reader.next(histories.back()));
      places.emplace(all.back().name, all.size() - 1);
    }
    reader.finish();
  }
  SavedSymbols reader;
  std::vector<SavedSymbol> all;
  std::vector<SavedHistory> histories;
  std::map<std::string, std::size_t> places;
};

/// Two snapshots whose plans are equal.
class Pair {
 public:
  Pair(const SnapshotReader& a, const SavedPlan& plan_a, const SnapshotReader& b, const SavedPlan& plan_b)
      : a_(a), b_(b), plan_a_(plan_a), plan_b_(plan_b), symbols_a_(a, plan_a), symbols_b_(b, plan_b) {}

  std::optional<SnapshotDifference> symbols() const {
    for (std::size_t i = 0; i < symbols_a_.all.size(); ++i) {
      const SavedSymbol& a = symbols_a_.all[i];
      const auto there = symbols_b_.places.find(a.name);
      if (there == symbols_b_.places.end()) return named(a, of_whole("", {"symbol", std::string("there"), {}}));
      if (auto found = symbol(a, symbols_b_.all[there->second])) return found;
      if (auto found = history(i, there->second)) return found;
    }
    for (const SavedSymbol& b : symbols_b_.all) {
      if (symbols_a_.places.count(b.name) == 0) return named(b, of_whole("", {"symbol", {}, std::string("there")}));
    }
    for (std::size_t i = 0; i < symbols_a_.all.size(); ++i) {
      const std::string& a = symbols_a_.all[i].name;
      const std::string& b = symbols_b_.all[i].name;
      if (a != b) return of_whole("", {"symbols[" + std::to_string(i) + "]", a, b});
    }
    return {};
  }

 private:
  using Ticks = SnapshotDifference::Ticks;

  static SnapshotDifference named(const SavedSymbol& symbol, SnapshotDifference found) {
    found.symbol = symbol.name;
    return found;
  }

  std::optional<SnapshotDifference> symbol(const SavedSymbol& a, const SavedSymbol& b) const {
    auto found = parts(a, b);
    if (!found) return {};
    found->symbol = a.name;
    found->ticks_a = ticks(a_, a);
    found->ticks_b = ticks(b_, b);
    return found;
  }

  std::optional<SnapshotDifference> parts(const SavedSymbol& a, const SavedSymbol& b) const {
    if (auto found = record(a.self, b.self, "")) return of_whole("", std::move(*found));
    if (auto found = record(a.policy, b.policy, "policy.")) return of_whole("", std::move(*found));
    for (std::size_t column = 0; column < plan_a_.columns.size(); ++column) {
      if (same_value(a.value(column), b.value(column))) continue;
      auto [indicator, output] = owner_of(plan_a_, plan_a_.columns[column]);
      return of_whole(std::move(indicator), {std::move(output), a.value(column), b.value(column)});
    }
    for (std::size_t clock = 1; clock < plan_a_.clocks.size(); ++clock) {
      if (auto found = bars(clock, a.bars[clock - 1], b.bars[clock - 1]))
        return of_whole("bars " + plan_a_.clocks[clock].text, std::move(*found));
    }
    for (std::size_t node = 0; node < plan_a_.nodes.size(); ++node) {
      if (auto found = record_difference(a_.schema(plan_a_.nodes[node].schema), a.nodes[node],
                                         b_.schema(plan_b_.nodes[node].schema), b.nodes[node], "state."))
        return of_whole(label_of(plan_a_, node), std::move(*found));
    }
    return {};
  }

  Difference record(const SavedSymbol::Record& a, const SavedSymbol::Record& b, const std::string& prefix) const {
    return record_difference(a_.schema(a.schema), a.bytes, b_.schema(b.schema), b.bytes, prefix);
  }

  Difference bars(std::size_t clock, const SavedSymbol::Bars& a, const SavedSymbol::Bars& b) const {
    if (auto found = record_difference(a_.schema(plan_a_.clocks[clock].bars), a.builder,
                                       b_.schema(plan_b_.clocks[clock].bars), b.builder))
      return found;
    return bar(a.newest, b.newest, "newest");
  }

  /// A closed bar, which may not be there.
  Difference bar(std::string_view a, std::string_view b, const std::string& name) const {
    if (a.empty() != b.empty()) {
      const auto there = [](std::string_view bytes) -> FieldValue {
        if (bytes.empty()) return {};
        return std::string("there");
      };
      return Found{name, there(a), there(b)};
    }
    if (a.empty()) return {};
    return record_difference(a_.schema(plan_a_.bar), a, b_.schema(plan_b_.bar), b, name + ".");
  }

  std::optional<SnapshotDifference> history(std::size_t at_a, std::size_t at_b) const {
    if (!symbols_a_.reader.has_history() || !symbols_b_.reader.has_history()) return {};
    auto found = histories(symbols_a_.histories[at_a], symbols_b_.histories[at_b]);
    if (!found) return {};
    found->symbol = symbols_a_.all[at_a].name;
    found->ticks_a = ticks(a_, symbols_a_.all[at_a]);
    found->ticks_b = ticks(b_, symbols_b_.all[at_b]);
    return found;
  }

  std::optional<SnapshotDifference> histories(const SavedHistory& a, const SavedHistory& b) const {
    for (std::size_t clock = 0; clock < std::min(a.rows.size(), b.rows.size()); ++clock) {
      if (auto found = rows(clock, a.rows[clock], b.rows[clock])) return found;
    }
    for (std::size_t i = 0; i < std::min(a.bars.size(), b.bars.size()); ++i) {
      const std::string owner = "bars " + plan_a_.clocks[i + 1].text;
      const auto& bars_a = a.bars[i].bars;
      const auto& bars_b = b.bars[i].bars;
      if (auto found = counts("history", a.bars[i].generation, b.bars[i].generation, bars_a.size(), bars_b.size()))
        return of_whole(owner, std::move(*found));
      for (std::size_t k = 0; k < bars_a.size(); ++k) {
        if (auto found = bar(bars_a[k], bars_b[k], "history[" + std::to_string(k) + "]"))
          return of_whole(owner, std::move(*found));
      }
    }
    return {};
  }

  static Difference counts(const std::string& name, std::uint64_t generation_a, std::uint64_t generation_b,
                           std::size_t count_a, std::size_t count_b) {
    if (generation_a != generation_b) {
      return Found{name + ".generation", static_cast<std::int64_t>(generation_a),
                   static_cast<std::int64_t>(generation_b)};
    }
    if (count_a == count_b) return {};
    return Found{name + ".count", static_cast<std::int64_t>(count_a), static_cast<std::int64_t>(count_b)};
  }

  std::optional<SnapshotDifference> rows(std::size_t clock, const SavedHistory::Rows& a,
                                         const SavedHistory::Rows& b) const {
    const std::string& text = plan_a_.clocks[clock].text;
    if (auto found = counts("history", a.generation, b.generation, a.count, b.count))
      return of_whole(text.empty() ? "" : "bars " + text, std::move(*found));
    if (a.values == b.values) return {};
    const std::vector<std::size_t>& columns = symbols_a_.reader.columns(clock);
    ByteReader in_a(a.values);
    ByteReader in_b(b.values);
    for (std::size_t i = 0; i < a.count * columns.size(); ++i) {
      const auto x = in_a.number<double>();
      const auto y = in_b.number<double>();
      if (same_value(x, y)) continue;
      const auto [indicator, output] = owner_of(plan_a_, plan_a_.columns[columns[i % columns.size()]]);
      return of_whole(indicator, {"history[" + std::to_string(i / columns.size()) + "]." + output, x, y});
    }
    return {};
  }

  /// What a symbol's own record says of its ticks.
  static Ticks ticks(const SnapshotReader& snapshot, const SavedSymbol& symbol) {
    Ticks ticks;
    ByteReader in(symbol.self.bytes);
    for (const Field& field : snapshot.schema(symbol.self.schema).fields()) {
      ByteReader one(skip_field(field, in));
      if (field.kind != FieldKind::whole) continue;
      if (field.name == "last_ts") ticks.last_ts = one.number<std::int64_t>();
      if (field.name == "ledger.received") ticks.received = one.number<std::int64_t>();
    }
    return ticks;
  }

  const SnapshotReader& a_;
  const SnapshotReader& b_;
  const SavedPlan& plan_a_;
  const SavedPlan& plan_b_;
  Symbols symbols_a_;
  Symbols symbols_b_;
};

// ---- the whole ----

const char* name_of(SnapshotKind kind) {
  return kind == SnapshotKind::engine ? "engine" : kind == SnapshotKind::indicator ? "indicator" : "symbol";
}

SavedIndicator indicator_of(const SnapshotReader& snapshot) {
  SavedIndicator saved;
  snapshot.load("indicator", saved);
  saved.check(snapshot.schemas().size());
  return saved;
}

std::optional<SnapshotDifference> compare_indicators(const SnapshotReader& a, const SnapshotReader& b) {
  const SavedIndicator saved_a = indicator_of(a);
  const SavedIndicator saved_b = indicator_of(b);
  SavedIndicator like_a = saved_b;
  like_a.schema = saved_a.schema;
  auto found = state_difference(saved_a, like_a);
  if (!found) {
    found = record_difference(a.schema(saved_a.schema), a.section("state"), b.schema(saved_b.schema),
                              b.section("state"), "state.");
  }
  if (!found) return {};
  return of_whole(saved_a.kernel, std::move(*found));
}

std::optional<SnapshotDifference> compare_engines(const SnapshotReader& a, const SnapshotReader& b) {
  const SavedPlan plan_a = plan_of(a);
  const SavedPlan plan_b = plan_of(b);
  if (auto found = compare_plans(plan_a, plan_b)) return found;
  if (a.kind() == SnapshotKind::engine) {
    if (auto found = compare_section(a, b, "engine")) return of_whole("", std::move(*found));
  }
  return Pair(a, plan_a, b, plan_b).symbols();
}

/// Bytes of today's format that say the same.
std::string renewed(const SnapshotReader& old, std::string_view bytes) {
  if (old.kind() == SnapshotKind::indicator) return Indicator::restore(bytes).snapshot();
  return Engine::restore(bytes)->snapshot(old.has("history"));
}

}  // namespace

std::optional<SnapshotDifference> snapshot_difference(std::string_view a, std::string_view b) {
  const auto kinds = {SnapshotKind::engine, SnapshotKind::indicator, SnapshotKind::symbol};
  const SnapshotReader in_a(kinds, a);
  const SnapshotReader in_b(kinds, b);
  if (in_a.kind() != in_b.kind())
    return of_whole("", {"kind", std::string(name_of(in_a.kind())), std::string(name_of(in_b.kind()))});
  if (in_a.version() < in_b.version()) return snapshot_difference(renewed(in_a, a), b);
  if (in_b.version() < in_a.version()) return snapshot_difference(a, renewed(in_b, b));
  return in_a.kind() == SnapshotKind::indicator ? compare_indicators(in_a, in_b) : compare_engines(in_a, in_b);
}

}  // namespace fastcore
