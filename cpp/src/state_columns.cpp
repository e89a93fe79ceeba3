// States of many symbols in columns, and the way there and back.
#include "fastcore/engine/state_columns.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "fastcore/engine/engine.hpp"
#include "fastcore/engine/symbol.hpp"

namespace fastcore {

namespace {

/// The bars of the symbols from `i` on, checked as Symbol::begin_bar checks one.
template <class V>
auto all_sound(const V& open, const V& high, const V& low, const V& close, const V& volume) noexcept {
  const V zero{};
  const V most = broadcast<V>(std::numeric_limits<double>::max());
  const auto sizes = (volume >= zero) & (volume <= most);
  // Between a low above 0 and a high below infinity the others are prices, too.
  const auto prices = (low > zero) & (high <= most);
  return sizes & prices & (open <= high) & (open >= low) & (close <= high) & (close >= low) & (low <= high);
}

}  // namespace

double* StateColumns::Node::lane(std::size_t symbol) const noexcept {
  return reinterpret_cast<double*>(columns.data()) + symbol / block_symbols * cells * block_symbols +
         symbol % block_symbols;
}

StateColumns::StateColumns(const Plan& plan, std::size_t clock, const std::vector<Symbol*>& symbols)
    : plan_(plan),
      clock_(clock),
      symbols_(symbols),
      padded_((symbols.size() + tile - 1) / tile * tile),
      bars_(bar_columns * padded_),
      spare_(bars_),
      away_(symbols.size()) {
  for (const Symbol* symbol : symbols_) blocks_.push_back(symbol->block_->data());
  choose_nodes();
}

/// Whether its nodes read nothing but the numbers of the bar.
bool StateColumns::all_bars(const Group& group) const noexcept {
  const std::uint32_t first = plan_.clocks()[clock_].cells;
  return std::all_of(group.nodes, group.nodes + group.count, [&](const Wiring& node) {
    return std::all_of(node.in, node.in + group.columns->inputs,
                       [&](std::uint32_t cell) { return cell >= first && cell < first + bar_columns; });
  });
}

void StateColumns::choose_nodes() {
  for (const Group& group : plan_.groups(clock_)) {
    if (group.columns == nullptr || !all_bars(group)) {
      others_.push_back(&group);
      continue;
    }
    for (const Wiring* node = group.nodes; node != group.nodes + group.count; ++node) {
      const std::size_t cells = group.columns->cells(blocks_[0] + node->state);
      nodes_.push_back({group.columns, node, cells, {}, {}, Block(padded_ * cells * sizeof(double))});
      for (std::uint32_t k = 0; k < group.columns->outputs; ++k) outputs_.push_back(node->out + k);
    }
  }
  results_.resize(outputs_.size() * tile);
  double* result = results_.data();
  for (Node& node : nodes_) {
    for (std::size_t k = 0; k < node.kernel->outputs; ++k, result += tile) node.out[k] = result;
  }
}

std::unique_ptr<StateColumns> StateColumns::of(const Plan& plan, std::size_t clock,
                                               const std::vector<Symbol*>& symbols) {
  if (symbols.size() < block_symbols) return nullptr;
  const std::vector<Group>& groups = plan.groups(clock);
  const auto has = [&](const auto& what) { return std::any_of(groups.begin(), groups.end(), what); };
  if (!has([](const Group& group) { return group.columns != nullptr; }) ||
      has([](const Group& group) { return group.settled_across == nullptr; }))
    return nullptr;
  for (const Symbol* symbol : symbols) {
    if (!symbol->may_leave(clock, *symbols[0])) return nullptr;
  }
  std::unique_ptr<StateColumns> columns(new StateColumns(plan, clock, symbols));
  return columns->take_all() ? std::move(columns) : nullptr;
}

bool StateColumns::take_all() {
  for (std::size_t i = 0; i < symbols_.size(); ++i) {
    for (const Node& node : nodes_) {
      if (!node.kernel->take(blocks_[i] + node.wiring->state, node.lane(i))) return false;
    }
  }
  for (std::size_t i = 0; i < symbols_.size(); ++i) {
    if (symbols_[i]->columns_ != nullptr) return false;  // it comes twice
    symbols_[i]->columns_ = this;
    symbols_[i]->column_ = i;
    away_[i] = true;
  }
  newest_ = symbols_[0]->bars_[clock_ - 1].builder.time()->newest();
  return true;
}

StateColumns::~StateColumns() {
  for (std::size_t i = 0; i < symbols_.size(); ++i) {
    if (away_[i]) home(i);
  }
}

Bar StateColumns::bar(std::size_t place) const noexcept {
  const double* const at = bars_.data() + place;
  Bar bar = bar_made_elsewhere(ts_, at[0], at[padded_], at[2 * padded_], at[3 * padded_], at[4 * padded_]);
  bar.ts = span_.first;
  return bar;
}

void StateColumns::home(std::size_t place) noexcept {
  Symbol& symbol = *symbols_[place];
  symbol.columns_ = nullptr;
  away_[place] = whole_ = false;
  if (steps_ == 0) return;
  for (const Node& node : nodes_) node.kernel->give(blocks_[place] + node.wiring->state, node.lane(place), steps_);
  symbol.catch_up(clock_, bar(place), span_, steps_);
}

std::size_t StateColumns::memory() const noexcept {
  std::size_t bytes = sizeof *this + symbols_.size() * (sizeof(Symbol*) + sizeof(std::byte*)) +
                      (bars_.size() + spare_.size() + results_.size()) * sizeof(double);
  for (const Node& node : nodes_) bytes += node.columns.size();
  return bytes;
}

bool StateColumns::step(const Span& span, const CrossSection& bars) noexcept {
  if (span.first <= newest_ || !sound(bars)) return false;
  bars_.swap(spare_);
  newest_ = span.first;
  span_ = span;
  ts_ = bars.ts;
  for (std::size_t first = 0; first < symbols_.size(); first += tile)
    run(first, std::min(tile, symbols_.size() - first));
  ++steps_;
  return true;
}

/// Copies the bars, and says whether all of them are to be taken.
bool StateColumns::sound(const CrossSection& bars) noexcept {
  const std::size_t n = symbols_.size();
  const std::array<const double*, bar_columns> from{bars.open, bars.high, bars.low, bars.close, bars.volume};
  for (std::size_t k = 0; k < bar_columns; ++k) std::copy_n(from[k], n, spare_.data() + k * padded_);
  Mask sound = ~Mask{};
  std::size_t i = 0;
  for (; i + lane_count <= n; i += lane_count) {
    sound &= all_sound(load<Lanes>(from[0] + i), load<Lanes>(from[1] + i), load<Lanes>(from[2] + i),
                       load<Lanes>(from[3] + i), load<Lanes>(from[4] + i));
  }
  bool rest = true;
  for (; i < n; ++i) rest = rest && all_sound(from[0][i], from[1][i], from[2][i], from[3][i], from[4][i]);
  return rest && none(~sound);
}

void StateColumns::run(std::size_t first, std::size_t count) noexcept {
  const std::uint32_t inputs = plan_.clocks()[clock_].cells;
  const std::size_t blocks = (count + block_symbols - 1) / block_symbols;
  for (Node& node : nodes_) {
    for (std::size_t k = 0; k < node.kernel->inputs; ++k)
      node.in[k] = bars_.data() + (node.wiring->in[k] - inputs) * padded_ + first;
    node.kernel->step(blocks_[0] + node.wiring->state, node.lane(first), blocks, steps_, node.in.data(),
                      node.out.data());
  }
  write_rows(first, count);
  if (!others_.empty()) run_others(first, count);
  plan_.copy_across(clock_, blocks_.data() + first, count);
}

void StateColumns::write_rows(std::size_t first, std::size_t count) const noexcept {
  for (std::size_t i = 0; i < count; ++i) {
    auto* const cells = reinterpret_cast<double*>(blocks_[first + i]);
    const double* result = results_.data() + i;
    for (const std::uint32_t cell : outputs_) {
      cells[cell] = *result;
      result += tile;
    }
  }
}

/// The nodes whose states stay, a symbol after the other.
void StateColumns::run_others(std::size_t first, std::size_t count) const noexcept {
  const std::uint32_t inputs = plan_.clocks()[clock_].cells;
  for (std::size_t i = first; i < first + count; ++i) {
    auto* const cells = reinterpret_cast<double*>(blocks_[i]) + inputs;
    for (std::size_t k = 0; k < bar_columns; ++k) cells[k] = bars_[k * padded_ + i];
    cells[bar_columns] = static_cast<double>(span_.first);
  }
  for (const Group* group : others_) group->settled_across(blocks_.data() + first, count, group->nodes, group->count);
}

}  // namespace fastcore
