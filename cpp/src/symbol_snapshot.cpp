// A symbol to bytes and back.
#include <algorithm>
#include <limits>

#include "fastcore/engine/saved_symbol.hpp"
#include "fastcore/engine/symbol.hpp"
#include "fastcore/text.hpp"

namespace fastcore {

void Symbol::describe_bars(SavedPlan& plan, SchemaTable& schemas) {
  come_home();
  Bar bar{};
  plan.bar = schemas.number(schema_of(bar));
  for (std::size_t i = 0; i < bars_.size(); ++i) plan.clocks[i + 1].bars = schemas.number(schema_of(bars_[i].builder));
}

void Symbol::save(SchemaTable& schemas, ByteWriter& out) {
  come_home();
  if (reviser_ == nullptr) {
    save_as(bars_, schemas, out);
    return;
  }
  // What may still be revised is saved as it was before the events that are remembered, and those with it.
  Checkpoint now = reviser_->base();
  copy_to(now);
  copy_from(reviser_->base());
  save_as(now.bars, schemas, out);
  copy_from(now);
}

void Symbol::save_as(const std::vector<BarClock>& now, SchemaTable& schemas, ByteWriter& out) {
  StateSaver archive(out);
  out.number(static_cast<std::uint32_t>(schemas.number(schema_of(policy_))));
  policy_.state(archive);
  out.number(static_cast<std::uint32_t>(schemas.number(schema_of(*this))));
  state(archive);
  out.numbers(cells(), plan_->columns().size());
  for (std::size_t i = 0; i < bars_.size(); ++i) {
    bars_[i].builder.state(archive);
    const auto since = static_cast<std::size_t>(now[i].made - bars_[i].made);
    const bool kept = closed_[i].size() > since;
    out.number(static_cast<std::uint32_t>(kept ? 1 : 0));
    if (kept) Bar(*closed_[i].last(since + 1)).state(archive);
  }
  for (const Plan::State& node : plan_->states()) node.kernel->save(block_->data() + node.offset, out);
}

void Symbol::save_history(ByteWriter& out) {
  come_home();
  StateSaver archive(out);
  out.number(static_cast<std::uint8_t>(histories_.empty() ? 0 : 1));
  for (const History& history : histories_) {
    const std::size_t rows = history.width() == 0 ? 0 : history.size();  // rows of nothing are nothing
    out.number(rows == 0 ? 0 : history.generation());
    out.number(static_cast<std::uint32_t>(rows));
    out.numbers(history.last(rows), rows * history.width());
  }
  for (const BarHistory& closed : closed_) {
    out.number(closed.generation());
    out.number(static_cast<std::uint32_t>(closed.size()));
    for (std::size_t i = 0; i < closed.size(); ++i) Bar(closed.last(closed.size())[i]).state(archive);
  }
}

void Symbol::load(const SavedSymbol& saved, SymbolFit& fit) {
  const PlanFit& plan = fit.plan();
  fit.load(policy_, SymbolFit::policy_slot, saved.policy, "a policy");
  check_saved_policy(policy_);
  make_builders();
  make_reviser();
  gate_ = policy_.guarded() ? std::make_unique<Gate>(policy_) : nullptr;
  fit.load(*this, SymbolFit::self_slot, saved.self, "a symbol");
  for (std::size_t column = 0; column < plan.columns.size(); ++column) {
    if (plan.columns[column] != PlanFit::nowhere) cells()[column] = saved.value(plan.columns[column]);
  }
  for (std::size_t i = 0; i < bars_.size(); ++i) {
    const std::size_t from = plan.clocks[i + 1];
    if (from == PlanFit::nowhere || from == 0) continue;
    const SavedSymbol::Bars& bars = saved.bars[from - 1];
    fit.load(bars_[i].builder, SymbolFit::builder_slot + i, {fit.saved().clocks[from].bars, bars.builder},
             "a bar that forms");
    if (!bars.newest.empty()) push_bar(i, bars.newest, fit);
  }
  for (std::size_t i = 0; i < plan.nodes.size(); ++i) {
    if (plan.nodes[i] == PlanFit::nowhere) continue;
    const Plan::State& node = plan_->states()[i];
    ByteReader in(fit.node(i, saved.nodes[plan.nodes[i]]));
    node.kernel->load(block_->data() + node.offset, in);
    if (in.left() != 0)
      throw SnapshotError(std::string("the snapshot's state of ") + node.kernel->name + " is too long");
  }
  plan_->show_quote(block_->data(), cells_);
  cold_ = plan.cold;
  std::fill(ready_.begin(), ready_.end(), 0);
  first_ = last_ = nullptr;
  if (reviser_ != nullptr) redo_all();
}

void Symbol::push_bar(std::size_t place, std::string_view record, SymbolFit& fit) {
  Bar bar{};
  fit.load(bar, SymbolFit::bar_slot, {fit.saved().bar, record}, "a closed bar");
  closed_[place].push(bar, 0);
}

void Symbol::load_history(const SavedHistory& saved, const SavedSymbols& symbols, SymbolFit& fit) {
  const PlanFit& plan = fit.plan();
  for (std::size_t clock = 0; clock < histories_.size() && !saved.rows.empty(); ++clock) {
    const std::size_t from = plan.clocks[clock];
    if (from == PlanFit::nowhere) continue;
    const std::vector<std::size_t>& columns = symbols.columns(from);
    const SavedHistory::Rows& rows = saved.rows[from];
    std::vector<std::size_t> places;  // by own column of the clock: where it stands in a saved row
    for (const std::uint32_t column : plan_->clocks()[clock].columns) {
      const auto found = std::find(columns.begin(), columns.end(), plan.columns[column]);
      places.push_back(static_cast<std::size_t>(found - columns.begin()));
    }
    histories_[clock].clear();
    std::vector<double> in(columns.size());
    std::vector<double> row(places.size());
    ByteReader values(rows.values);
    for (std::size_t i = 0; i < rows.count; ++i) {
      values.numbers(in.data(), in.size());
      for (std::size_t k = 0; k < row.size(); ++k) row[k] = places[k] < in.size() ? in[places[k]] : quiet_nan;
      histories_[clock].push(row.data());
    }
    histories_[clock].resume(rows.generation);
  }
  for (std::size_t i = 0; i < closed_.size(); ++i) {
    const std::size_t from = plan.clocks[i + 1];
    if (from == PlanFit::nowhere || from == 0) continue;
    const SavedHistory::Bars& bars = saved.bars[from - 1];
    closed_[i].clear();
    for (const std::string_view record : bars.bars) push_bar(i, record, fit);
    closed_[i].resume(bars.generation);
  }
}

}  // namespace fastcore
