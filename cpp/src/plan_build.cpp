// A plan from what its specs say: equal nodes to one, columns and inputs to cells, states to places.
#include "plan_build.hpp"

#include <algorithm>
#include <limits>
#include <numeric>

#include "fastcore/engine/last_quote.hpp"
#include "fastcore/text.hpp"

namespace fastcore {

namespace {

constexpr std::size_t round_up(std::size_t n) {
  return (n + Arena::alignment - 1) / Arena::alignment * Arena::alignment;
}

/// Which input cell of a clock an input name means: on ticks the price stands for all prices, the
/// size for the volume. A bar's time is that of its start, and its side is not known.
std::uint32_t input_cell(std::string_view name, bool ticks) {
  if (name == "open") return 0;
  if (name == "high") return ticks ? 0 : 1;
  if (name == "low") return ticks ? 0 : 2;
  if (name == "close") return ticks ? 0 : 3;
  if (name == "volume") return ticks ? 1 : 4;
  if (name == "ts") return ticks ? 2 : 5;
  if (name == "side") return ticks ? 3 : 6;
  throw PlanError("no clock provides the input " + quoted(std::string(name)));
}

/// Which number of a quote an input name means; none for other inputs.
std::uint32_t quote_cell(std::string_view name, std::uint32_t none) {
  constexpr std::string_view names[] = {"bid", "ask", "bid_size", "ask_size"};
  const auto* const found = std::find(std::begin(names), std::end(names), name);
  return found == std::end(names) ? none : static_cast<std::uint32_t>(found - std::begin(names));
}

}  // namespace

void Plan::Build::place_cells() {
  std::size_t next = owner.size();
  for (Clock& one : plan.clocks_) {
    one.cells = static_cast<std::uint32_t>(next);
    next += one.ticks() ? Clock::tick_inputs : Clock::bar_inputs;
  }
  plan.cell_count_ = next;
  plan.column_clock_.resize(plan.columns_.size());
  for (std::size_t column = 0; column < plan.columns_.size(); ++column) {
    plan.column_clock_[column] = clock[owner[column]];
    plan.clocks_[clock[owner[column]]].columns.push_back(static_cast<std::uint32_t>(column));
  }
}

Plan::Build::Cells Plan::Build::inputs(std::size_t i) {
  const NodeSpec& spec = plan.specs_[i];
  const Clock& one = plan.clocks_[clock[i]];
  constexpr std::uint32_t none = max_inputs;
  Cells cells{};
  auto parent = spec.parents.begin();
  for (std::size_t k = 0; k < spec.kernel->input_count; ++k) {
    const std::string_view name = spec.kernel->inputs[k];
    if (parent != spec.parents.end() && name != "ts") {
      cells[k] = cell[parent_column(spec, *parent++)];
    } else if (const std::uint32_t number = quote_cell(name, none); number != none) {
      cells[k] = quote_cells() + number;
    } else {
      cells[k] = one.cells + input_cell(name, one.ticks());
    }
  }
  return cells;
}

std::uint32_t Plan::Build::quote_cells() {
  if (!plan.reads_quotes_) {
    plan.reads_quotes_ = true;
    const Kernel& kernel = kernel_of<LastQuote>();
    const std::uint32_t event = plan.clocks_[0].cells + Clock::quote_input;
    nodes.push_back({&kernel, {}, 0, 0, {event, event + 1, event + 2, event + 3}, 0, true});
    nodes.back().out = first_quote_cell = static_cast<std::uint32_t>(plan.cell_count_);
    plan.cell_count_ += kernel.cell_count;
  }
  return first_quote_cell;
}

void Plan::Build::merge() {
  cell.resize(owner.size());
  plan.copies_.resize(plan.clocks_.size());
  for (const std::size_t i : order) {
    const NodeSpec& spec = plan.specs_[i];
    const Cells own_inputs = inputs(i);
    const auto own = static_cast<std::uint32_t>(first_column[i]);
    const auto [twin, is_new] = known.emplace(Key{spec.kernel, spec.params, own_inputs}, own);
    for (std::uint32_t k = 0; k < spec.kernel->output_count; ++k) {
      cell[own + k] = twin->second + k;
      if (!is_new && !spec.hidden()) plan.copies_[clock[i]].push_back({twin->second + k, own + k});
    }
    // A window and its reader take two levels, so a chain climbs two at a time.
    if (is_new)
      nodes.push_back({spec.kernel, spec.params, clock[i], 2 * level[i] + 1, own_inputs, own, !spec.parents.empty()});
  }
  share_windows();
}

void Plan::Build::place_states() {
  std::map<const Kernel*, std::size_t> rank;
  for (const Node& node : nodes) rank.emplace(node.kernel, rank.size());
  std::stable_sort(nodes.begin(), nodes.end(), [&](const Node& a, const Node& b) {
    return std::make_tuple(a.clock, a.level, rank[a.kernel]) < std::make_tuple(b.clock, b.level, rank[b.kernel]);
  });
  plan.groups_.resize(plan.clocks_.size());
  plan.wirings_.reserve(nodes.size());  // groups point into it
  std::size_t at = round_up(plan.cell_count_ * sizeof(double));
  const Node* last = nullptr;
  for (const Node& node : nodes) {
    const std::size_t bytes = node.kernel->bytes(node.params);
    auto& groups = plan.groups_[node.clock];
    const bool joins = last != nullptr && last->clock == node.clock && last->level == node.level &&
                       last->kernel == node.kernel && last->chained == node.chained;
    if (at > std::numeric_limits<std::uint32_t>::max() - bytes)
      throw PlanError("the plan needs more than 4 GB for each symbol");
    Wiring wiring{static_cast<std::uint32_t>(at), node.out, {}};
    std::copy(node.inputs.begin(), node.inputs.end(), wiring.in);
    plan.wirings_.push_back(wiring);
    if (node.kernel == &kernel_of<LastQuote>()) plan.quote_ = &plan.wirings_.back();
    if (!joins) {
      const Kernel& kernel = *node.kernel;
      groups.push_back({nullptr, nullptr, kernel.peek_many, kernel.step_across,
                        node.chained ? kernel.step_across : kernel.settled_across, &plan.wirings_.back(), 0,
                        node.chained ? nullptr : kernel.columns});
    }
    Group& group = groups.back();
    ++group.count;
    group.step = group.count == 1 ? node.kernel->step_one : node.kernel->step_many;
    group.settled =
        node.chained ? group.step : (group.count == 1 ? node.kernel->settled_one : node.kernel->settled_many);
    plan.states_.push_back({node.kernel, node.params, node.clock, static_cast<std::uint32_t>(at), bytes});
    at = round_up(at + bytes);
    last = &node;
  }
  plan.symbol_bytes_ = at;
  plan.first_state_.resize(plan.clocks_.size() + 1);
  for (const State& state : plan.states_) ++plan.first_state_[state.clock + 1];
  std::partial_sum(plan.first_state_.begin(), plan.first_state_.end(), plan.first_state_.begin());
}

void Plan::show_quote(const std::byte* symbol, double* cells) const noexcept {
  if (quote_ != nullptr) kernel_of<LastQuote>().peek_many(symbol, quote_, 1, cells);
}

Plan::Plan(std::vector<NodeSpec> specs, const std::vector<const Kernel*>& windows, const Almanacs& almanacs)
    : specs_(std::move(specs)) {
  if (specs_.empty()) throw PlanError("an engine needs at least one indicator");
  clocks_.push_back({});
  Build build{*this, windows, almanacs};
  build.name_columns();
  build.sort();
  build.place_cells();
  build.merge();
  build.place_states();
  column_source_ = std::move(build.cell);
  first_column_ = std::move(build.first_column);
}

}  // namespace fastcore
