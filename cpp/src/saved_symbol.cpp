// Taking a symbol's bytes apart by the plan that they follow.
#include "fastcore/engine/saved_symbol.hpp"

#include <algorithm>
#include <cstring>

#include "fastcore/text.hpp"

namespace fastcore {

namespace {

/// A count of records that are then stepped over.
std::vector<std::string_view> records(const Schema& schema, ByteReader& in) {
  std::vector<std::string_view> all;
  for (std::size_t left = in.count(1); left > 0; --left) all.push_back(schema.skip(in));
  return all;
}

}  // namespace

double SavedSymbol::value(std::size_t column) const {
  double one = 0.0;
  std::memcpy(&one, row.data() + column * sizeof one, sizeof one);
  return one;
}

SavedSymbols::SavedSymbols(const SnapshotReader& snapshot, const SavedPlan& plan)
    : snapshot_(snapshot),
      plan_(plan),
      in_(snapshot.section("symbols")),
      history_(snapshot.has("history") ? snapshot.section("history") : std::string_view()),
      has_history_(snapshot.has("history")),
      count_(in_.count(12)),
      columns_(plan.clocks.size()) {
  for (std::size_t column = 0; column < plan.columns.size(); ++column) {
    const SavedNode& node = plan.nodes[static_cast<std::size_t>(plan.columns[column].node)];
    columns_[static_cast<std::size_t>(node.clock)].push_back(column);
  }
}

SavedSymbol SavedSymbols::next(SavedHistory& history) {
  SavedSymbol symbol;
  symbol.name = in_.text();
  const auto size = in_.number<std::uint64_t>();
  if (size > in_.left()) throw SnapshotError("the snapshot's symbol " + quoted(symbol.name) + " is cut short");
  ByteReader body(in_.raw(static_cast<std::size_t>(size)));
  symbol.policy = numbered_record(body);
  symbol.self = numbered_record(body);
  symbol.row = body.raw(plan_.columns.size() * sizeof(double));
  for (std::size_t clock = 1; clock < plan_.clocks.size(); ++clock) {
    SavedSymbol::Bars bars;
    bars.builder = snapshot_.schema(plan_.clocks[clock].bars).skip(body);
    const auto newest = records(snapshot_.schema(plan_.bar), body);
    if (!newest.empty()) bars.newest = newest.back();
    symbol.bars.push_back(bars);
  }
  for (const SavedNode& node : plan_.nodes) symbol.nodes.push_back(snapshot_.schema(node.schema).skip(body));
  if (body.left() != 0)
    throw SnapshotError("the snapshot's symbol " + quoted(symbol.name) + " has bytes after its end");
  if (has_history_) read_history(history);
  return symbol;
}

SavedSymbol::Record SavedSymbols::numbered_record(ByteReader& in) const {
  const Schema& schema = snapshot_.record_schema(in);
  return {&schema - snapshot_.schemas().data(), schema.skip(in)};
}

void SavedSymbols::read_history(SavedHistory& history) {
  history = {};
  const bool kept = history_.number<std::uint8_t>() != 0;
  for (std::size_t clock = 0; kept && clock < plan_.clocks.size(); ++clock) {
    SavedHistory::Rows rows;
    const std::size_t width = columns_[clock].size() * sizeof(double);
    rows.generation = history_.number<std::uint64_t>();
    rows.count = history_.count(std::max<std::size_t>(width, 1));
    rows.values = history_.raw(rows.count * width);
    history.rows.push_back(rows);
  }
  for (std::size_t clock = 1; clock < plan_.clocks.size(); ++clock) {
    SavedHistory::Bars bars;
    bars.generation = history_.number<std::uint64_t>();
    bars.bars = records(snapshot_.schema(plan_.bar), history_);
    history.bars.push_back(std::move(bars));
  }
}

void SavedSymbols::finish() const {
  if (in_.left() != 0)
    throw SnapshotError("the snapshot has " + std::to_string(in_.left()) + " bytes after its last symbol");
  if (history_.left() != 0)
    throw SnapshotError("the snapshot has " + std::to_string(history_.left()) + " bytes after its history");
}

SymbolFit::SymbolFit(const SnapshotReader& snapshot, const SavedPlan& saved, PlanFit fit)
    : snapshot_(snapshot), saved_(saved), fit_(std::move(fit)) {
  const Block fresh(fit_.plan->symbol_bytes());
  fit_.plan->make(fresh.data());
  for (std::size_t i = 0; i < fit_.nodes.size(); ++i) {
    const Plan::State& state = fit_.plan->states()[i];
    const bool cold = fit_.nodes[i] == PlanFit::nowhere;
    const std::string own = state.kernel->schema(fresh.data() + state.offset);
    ByteWriter record;
    state.kernel->save(fresh.data() + state.offset, record);
    static const Schema nothing;
    const Schema& from = cold ? nothing : snapshot.schema(saved.nodes[fit_.nodes[i]].schema);
    nodes_.emplace_back(from, cold ? nothing.text() : own, record.take(), state.kernel->name);
  }
}

}  // namespace fastcore
