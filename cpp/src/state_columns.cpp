// States of many symbols in columns, and the way there and back.
#include "fastcore/engine/state_columns.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "fastcore/engine/engine.hpp"
#include "fastcore/engine/symbol.hpp"

namespace fastcore {

namespace {

/// A bar's numbers, as many as a lane is wide, checked as Symbol::begin_bar checks one.
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

// ---- the way there ----

StateColumns::StateColumns(const Plan& plan, std::size_t clock, const std::vector<Symbol*>& symbols, bool everybody)
    : plan_(plan),
      clock_(clock),
      symbols_(symbols),
      everybody_(everybody),
      padded_((symbols.size() + block_symbols - 1) / block_symbols * block_symbols),
      away_(symbols.size()) {
  for (const Group& group : plan_.groups(clock_)) {
    if (group.columns == nullptr || group.columns->formula) continue;
    for (const Wiring* node = group.nodes; node != group.nodes + group.count; ++node) {
      for (std::size_t k = 0; k < group.columns->inputs; ++k) {
        if (is_bar(node->in[k])) rows_[node->in[k] - first_input()].depth = 8;
      }
    }
  }
  for (Rows& rows : rows_) rows.numbers.resize(rows.depth * padded_);
}

std::unique_ptr<StateColumns> StateColumns::of(const Plan& plan, std::size_t clock, const std::vector<Symbol*>& symbols,
                                               bool everybody) {
  if (symbols.size() < least_symbols) return nullptr;
  const std::vector<Group>& groups = plan.groups(clock);
  const auto has = [&](const auto& what) { return std::any_of(groups.begin(), groups.end(), what); };
  if (!has([](const Group& group) { return group.columns != nullptr; }) ||
      has([](const Group& group) { return group.settled_across == nullptr; }))
    return nullptr;
  return std::unique_ptr<StateColumns>(new StateColumns(plan, clock, symbols, everybody));
}

bool StateColumns::watch(const CrossSection& bars) noexcept {
  sound(bars);  // they are: all took them
  return ++seen_ >= series_rows;
}

/// Whether what a node reads is at hand: the bars, and for a formula also what other nodes have made of them.
bool StateColumns::readable(const Group& group, const Wiring& node) const noexcept {
  if (group.columns == nullptr) return false;
  return std::all_of(node.in, node.in + group.columns->inputs, [&](std::uint32_t cell) {
    if (is_bar(cell)) return true;
    return group.columns->formula && std::any_of(nodes_.begin(), nodes_.end(), [&](const Node& other) {
             return cell >= other.wiring->out && cell < other.wiring->out + other.kernel->outputs;
           });
  });
}

/// Takes in the states of a node; false where they cannot go on side by side.
bool StateColumns::take_node(const Group& group, const Wiring& node) {
  if (!readable(group, node)) return false;
  const std::size_t cells = group.columns->cells(blocks_[0] + node.state);
  Node taken{group.columns, &node, cells, {}, {}, Block(padded_ * cells * sizeof(double)), false};
  Series<double> inputs[max_inputs];
  std::size_t first_phase = 0;
  for (std::size_t i = 0; i < symbols_.size(); ++i) {
    std::size_t phase = 0;
    if (!group.columns->formula) past(taken, i, inputs);
    if (!group.columns->take(blocks_[i] + node.state, inputs, taken.lane(i), i == 0 ? first_phase : phase))
      return false;
    if (i != 0 && phase != first_phase) return false;
  }
  nodes_.push_back(std::move(taken));
  return true;
}

/// Where the nodes write their results, and which of these go to the symbols: all but the numbers of windows that none
/// but nodes in columns read.
void StateColumns::place_results() {
  std::vector<std::uint32_t> cells;
  for (const Node& node : nodes_) {
    for (std::uint32_t k = 0; k < node.kernel->outputs; ++k) cells.push_back(node.wiring->out + k);
  }
  std::sort(cells.begin(), cells.end());
  results_.resize(cells.size() * block_symbols);
  const auto column = [&](std::uint32_t cell) {
    const auto found = std::lower_bound(cells.begin(), cells.end(), cell);
    return results_.data() + static_cast<std::size_t>(found - cells.begin()) * block_symbols;
  };
  for (Node& node : nodes_) {
    for (std::uint32_t k = 0; k < node.kernel->outputs; ++k) node.out[k] = column(node.wiring->out + k);
    for (std::size_t k = 0; k < node.kernel->inputs; ++k)
      node.from[k] = is_bar(node.wiring->in[k]) ? nullptr : column(node.wiring->in[k]);
  }
  const auto wanted = [&](std::uint32_t cell) {
    return plan_.of_spec(cell) || std::any_of(others_.begin(), others_.end(), [&](const Other& other) {
             return std::find(other.wiring->in, other.wiring->in + max_inputs, cell) != other.wiring->in + max_inputs;
           });
  };
  for (const std::uint32_t cell : cells) {
    if (!wanted(cell)) continue;
    if (runs_.empty() || runs_.back().cell + runs_.back().count != cell) runs_.push_back({cell, 0, column(cell)});
    ++runs_.back().count;
  }
}

/// Two by two where they read the same: their rows are then loaded once.
void StateColumns::pair_nodes() noexcept {
  for (std::size_t i = 0; i + 1 < nodes_.size(); ++i) {
    const Node& next = nodes_[i + 1];
    nodes_[i].paired = next.kernel == nodes_[i].kernel && !next.kernel->formula &&
                       std::equal(next.wiring->in, next.wiring->in + next.kernel->inputs, nodes_[i].wiring->in);
  }
}

bool StateColumns::take() {
  for (const Symbol* symbol : symbols_) {
    if (!symbol->may_leave(clock_, *symbols_[0])) return false;
    blocks_.push_back(symbol->block_->data());
  }
  for (const Group& group : plan_.groups(clock_)) {
    for (const Wiring* node = group.nodes; node != group.nodes + group.count; ++node) {
      if (!take_node(group, *node)) others_.push_back({&group, node});
    }
  }
  if (nodes_.empty()) return false;
  place_results();
  pair_nodes();
  for (std::size_t i = 0; i < symbols_.size(); ++i) {
    if (symbols_[i]->columns_ != nullptr) return false;  // it comes twice
    symbols_[i]->columns_ = this;
    symbols_[i]->column_ = i;
    away_[i] = true;
  }
  newest_ = symbols_[0]->bars_[clock_ - 1].builder.time()->newest();
  return whole_ = true;
}

// ---- and back ----

StateColumns::~StateColumns() {
  for (std::size_t i = 0; i < symbols_.size(); ++i) {
    if (away_[i]) home(i);
  }
}

/// The row of a number that many bars back.
const double* StateColumns::row(std::size_t number, std::uint64_t back) const noexcept {
  const Rows& rows = rows_[number];
  return rows.numbers.data() + ((seen_ - 1 - back) & (rows.depth - 1)) * padded_;
}

void StateColumns::past(const Node& node, std::size_t place, Series<double>* all) const noexcept {
  for (std::size_t k = 0; k < node.kernel->inputs; ++k) {
    for (std::size_t back = 0; back < series_rows; ++back)
      all[k].x[back] = row(node.wiring->in[k] - first_input(), back)[place];
  }
}

Bar StateColumns::bar(std::size_t place) const noexcept {
  const auto number = [&](std::size_t k) { return row(k, 0)[place]; };
  Bar bar = bar_made_elsewhere(ts_, number(0), number(1), number(2), number(3), number(4));
  bar.ts = span_.first;
  return bar;
}

void StateColumns::home(std::size_t place) noexcept {
  Symbol& symbol = *symbols_[place];
  symbol.columns_ = nullptr;
  away_[place] = whole_ = false;
  if (steps_ == 0) return;
  Series<double> inputs[max_inputs];
  for (const Node& node : nodes_) {
    if (node.kernel->formula) continue;
    past(node, place, inputs);
    node.kernel->give(blocks_[place] + node.wiring->state, inputs, node.lane(place), steps_);
  }
  symbol.catch_up(clock_, bar(place), span_, steps_);
}

std::size_t StateColumns::memory() const noexcept {
  std::size_t bytes =
      sizeof *this + symbols_.size() * (sizeof(Symbol*) + sizeof(std::byte*)) + results_.size() * sizeof(double);
  for (const Rows& rows : rows_) bytes += rows.numbers.size() * sizeof(double);
  for (const Node& node : nodes_) bytes += node.columns.size();
  return bytes;
}

// ---- a bar for each ----

bool StateColumns::step(const Span& span, const CrossSection& bars) noexcept {
  if (span.first <= newest_ || !sound(bars)) return false;
  ++seen_;
  newest_ = span.first;
  span_ = span;
  ts_ = bars.ts;
  for (std::size_t first = 0; first < symbols_.size(); first += block_symbols)
    run(first, std::min(block_symbols, symbols_.size() - first));
  ++steps_;
  return true;
}

/// Copies the bars to where the next rows will be, and says whether all of them are to be taken.
bool StateColumns::sound(const CrossSection& bars) noexcept {
  const std::size_t n = symbols_.size();
  const std::array<const double*, bar_columns> from{bars.open, bars.high, bars.low, bars.close, bars.volume};
  std::array<double*, bar_columns> to{};
  for (std::size_t k = 0; k < bar_columns; ++k)
    to[k] = rows_[k].numbers.data() + (seen_ & (rows_[k].depth - 1)) * padded_;
  Mask all = ~Mask{};
  std::size_t i = 0;
  for (; i + lane_count <= n; i += lane_count) {
    const auto copied = [&](std::size_t k) {
      const Lanes number = load<Lanes>(from[k] + i);
      store(to[k] + i, number);
      return number;
    };
    all &= all_sound(copied(0), copied(1), copied(2), copied(3), copied(4));
  }
  bool rest = true;
  for (; i < n; ++i) {
    for (std::size_t k = 0; k < bar_columns; ++k) to[k][i] = from[k][i];
    rest = rest && all_sound(from[0][i], from[1][i], from[2][i], from[3][i], from[4][i]);
  }
  return rest && none(~all);
}

void StateColumns::run(std::size_t first, std::size_t count) noexcept {
  expect_rows(first, count);
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    const Node& node = nodes_[i];
    InputRows in[max_inputs];
    for (std::size_t k = 0; k < node.kernel->inputs; ++k) {
      for (std::size_t back = 0; back < series_rows; ++back)
        in[k].row[back] =
            node.from[k] != nullptr ? node.from[k] : row(node.wiring->in[k] - first_input(), back) + first;
    }
    const std::byte* const likes[] = {blocks_[0] + node.wiring->state,
                                      blocks_[0] + nodes_[i + node.paired].wiring->state};
    double* const lanes[] = {node.lane(first), nodes_[i + node.paired].lane(first)};
    double* const* const outs[] = {node.out.data(), nodes_[i + node.paired].out.data()};
    if (node.paired) {
      node.kernel->step_two(likes, lanes, count, steps_, in, outs);
      ++i;
    } else {
      node.kernel->step(likes[0], lanes[0], count, steps_, in, outs[0]);
    }
  }
  write_rows(first, count);
  if (!others_.empty()) run_others(first, count);
  plan_.copy_across(clock_, blocks_.data() + first, count);
}

/// Four symbols by four cells at once; what is left of a run is written with the three before it, or one by one.
void StateColumns::write_rows(std::size_t first, std::size_t count) const noexcept {
  std::size_t i = 0;
  for (; i + lane_count <= count; i += lane_count) {
    const auto to = [&](std::size_t symbol) { return reinterpret_cast<double*>(blocks_[first + i + symbol]); };
    double* const a = to(0);
    double* const b = to(1);
    double* const c = to(2);
    double* const d = to(3);
    for (const Run run : runs_) {  // a copy, which no store to a row may be taken to change
      const double* const from = run.results + i;
      for (std::size_t at = 0; run.count >= lane_count && at < run.count; at += lane_count) {
        const std::size_t cell = std::min<std::size_t>(at, run.count - lane_count);
        const auto column = [&](std::size_t k) { return load<Lanes>(from + (cell + k) * block_symbols); };
        const auto rows = transposed(column(0), column(1), column(2), column(3));
        store(a + run.cell + cell, rows[0]);
        store(b + run.cell + cell, rows[1]);
        store(c + run.cell + cell, rows[2]);
        store(d + run.cell + cell, rows[3]);
      }
      for (std::size_t at = 0; run.count < lane_count && at < run.count; ++at) {
        a[run.cell + at] = from[at * block_symbols];
        b[run.cell + at] = from[at * block_symbols + 1];
        c[run.cell + at] = from[at * block_symbols + 2];
        d[run.cell + at] = from[at * block_symbols + 3];
      }
    }
  }
  for (; i < count; ++i) {
    auto* const to = reinterpret_cast<double*>(blocks_[first + i]);
    for (const Run& run : runs_) {
      for (std::size_t at = 0; at < run.count; ++at) to[run.cell + at] = run.results[at * block_symbols + i];
    }
  }
}

/// Asks for the memory that write_rows will come to: a universe's rows are not in the first cache.
void StateColumns::expect_rows(std::size_t first, std::size_t count) const noexcept {
  for (std::size_t i = first; i < first + count; ++i) {
    const auto* const cells = reinterpret_cast<const double*>(blocks_[i]);
    for (const Run& run : runs_) {
      for (std::uint32_t at = 0; at < run.count; at += 8) __builtin_prefetch(cells + run.cell + at, 1);
    }
  }
}

/// The nodes whose states stay, a symbol after the other.
void StateColumns::run_others(std::size_t first, std::size_t count) const noexcept {
  for (std::size_t i = first; i < first + count; ++i) {
    auto* const cells = reinterpret_cast<double*>(blocks_[i]) + first_input();
    for (std::size_t k = 0; k < bar_columns; ++k) cells[k] = row(k, 0)[i];
    cells[bar_columns] = static_cast<double>(span_.first);
  }
  for (const Other& other : others_) other.group->settled_across(blocks_.data() + first, count, other.wiring, 1);
}

}  // namespace fastcore
