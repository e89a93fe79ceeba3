// The work of making a plan: names to columns, chains to an order, equal nodes to one, states to places.
#include "fastcore/engine/plan.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <numeric>
#include <set>
#include <tuple>
#include <unordered_map>

#include "fastcore/catalogue.hpp"
#include "fastcore/check.hpp"
#include "fastcore/engine/last_quote.hpp"
#include "fastcore/text.hpp"

namespace fastcore {

namespace {

constexpr std::size_t round_up(std::size_t n) {
  return (n + Arena::alignment - 1) / Arena::alignment * Arena::alignment;
}

/// "a -> b -> c"; of a long chain its ends.
std::string arrows(const std::vector<std::string>& names) {
  constexpr std::size_t shown = 8;  // at each end
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const bool gap = names.size() > 2 * shown + 1 && i == shown;
    text += (i == 0 ? "" : " -> ") + (gap ? "..." : names[i]);
    if (gap) i = names.size() - shown - 1;
  }
  return text;
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

/// The inputs of a kernel that `.of()` names: all but the time, which every clock has.
std::size_t named_inputs(const Kernel& kernel) {
  return static_cast<std::size_t>(std::count_if(kernel.inputs, kernel.inputs + kernel.input_count,
                                                [](std::string_view name) { return name != "ts"; }));
}

}  // namespace

struct Plan::Build {
  using Cells = std::array<std::uint32_t, max_inputs>;
  struct Node;

  Plan& plan;
  const std::vector<const Kernel*>& kept_windows;                // by spec; see Plan's constructor
  const Almanacs& almanacs;                                      // those that there are
  std::unordered_map<std::string, std::size_t> column_of{};      // name -> column
  std::vector<std::size_t> first_column{};                       // by spec
  std::vector<std::size_t> owner{};                              // by column: its spec
  std::vector<std::size_t> order{};                              // specs, parents first
  std::vector<std::size_t> clock{};                              // by spec
  std::vector<std::size_t> level{};                              // by spec: length of the longest chain above it
  std::vector<std::uint32_t> cell{};                             // by column: where its value is computed
  std::vector<Node> nodes{};                                     // what runs, parents first
  std::uint32_t first_quote_cell = 0;                            // of the quote that stands, if any reads it

  /// One node to be placed.
  struct Node {
    const Kernel* kernel;
    ParamValues params;
    std::size_t clock;
    std::size_t level;
    Cells inputs;
    std::uint32_t out;
    bool chained = false;  // of other columns
  };
  /// Two nodes of one key would compute the same; a cell is of one clock, so the clock need not be asked.
  using Key = std::tuple<const Kernel*, ParamValues, Cells>;
  std::map<Key, std::uint32_t> known{};  // key -> first output cell

  /// What no row shows has its columns behind those of the row.
  void name_columns() {
    first_column.resize(plan.specs_.size());
    for (const bool hidden : {false, true}) {
      for (std::size_t i = 0; i < plan.specs_.size(); ++i) {
        if (plan.specs_[i].hidden() == hidden) name_columns_of(i);
      }
    }
  }

  void name_columns_of(std::size_t i) {
    const NodeSpec& spec = plan.specs_[i];
    if (!spec.hidden() && (spec.name.empty() || spec.name.find('.') != std::string::npos)) {
      throw PlanError("indicator name " + quoted(spec.name) +
                      " must not be empty or hold a dot, which separates an output");
    }
    check_params(*spec.kernel, spec.params);
    first_column[i] = owner.size();
    for (std::size_t k = 0; k < spec.kernel->output_count; ++k) {
      std::string column = spec.kernel->output_count == 1 ? spec.name : spec.name + "." + spec.kernel->outputs[k].name;
      if (!column_of.emplace(column, owner.size()).second)
        throw PlanError("two indicators are named " + quoted(spec.name));
      if (!spec.hidden()) plan.columns_.push_back(std::move(column));
      owner.push_back(i);
    }
  }

  std::size_t parent_column(const NodeSpec& spec, const std::string& parent) const {
    const auto found = column_of.find(parent);
    if (found != column_of.end()) return found->second;
    for (const NodeSpec& other : plan.specs_) {
      if (other.name != parent) continue;
      std::string outputs;
      for (std::size_t k = 0; k < other.kernel->output_count; ++k) {
        outputs += (k == 0 ? "'" : ", '") + parent + "." + other.kernel->outputs[k].name + "'";
      }
      throw PlanError(quoted(spec.name) + " is of " + quoted(parent) + ", which has several outputs: choose one of " +
                      outputs);
    }
    throw PlanError(quoted(spec.name) + " is of " + quoted(parent) + ", which is not in the plan; it has " +
                    listed(plan.columns_));
  }

  /// Parents before children, each in the order written; a chain that closes on itself is named. With a stack of
  /// its own, since chains are as long as users make them.
  void sort() {
    enum class Mark : char { unseen, open, done };
    struct Visit {
      std::size_t spec;
      std::size_t next;  // parent to be looked at
    };
    std::vector<Mark> marks(plan.specs_.size(), Mark::unseen);
    std::vector<Visit> path;
    clock.resize(plan.specs_.size());
    level.resize(plan.specs_.size());
    const auto enter = [&](std::size_t i) {
      if (marks[i] == Mark::done) return;
      path.push_back({i, 0});
      if (marks[i] == Mark::open) {
        std::vector<std::string> names;
        names.reserve(path.size());
        for (const Visit& one : path) names.push_back(plan.specs_[one.spec].name);
        throw PlanError("the plan has a cycle: " + arrows(names));
      }
      marks[i] = Mark::open;
    };
    for (std::size_t i = 0; i < plan.specs_.size(); ++i) {
      enter(i);
      while (!path.empty()) {
        const NodeSpec& spec = plan.specs_[path.back().spec];
        if (path.back().next < spec.parents.size()) {
          enter(owner[parent_column(spec, spec.parents[path.back().next++])]);
          continue;
        }
        const std::size_t finished = path.back().spec;
        path.pop_back();
        marks[finished] = Mark::done;
        settle(finished);
        order.push_back(finished);
      }
    }
  }

  /// The clock and level of a spec whose parents have theirs.
  void settle(std::size_t i) {
    const NodeSpec& spec = plan.specs_[i];
    if (spec.parents.empty()) {
      clock[i] = clock_number(spec.clock);
      return;
    }
    if (spec.parents.size() != named_inputs(*spec.kernel)) {
      throw PlanError(quoted(spec.name) + ": " + spec.kernel->name + " takes " +
                      std::to_string(named_inputs(*spec.kernel)) + " inputs, but .of() names " +
                      std::to_string(spec.parents.size()));
    }
    if (!spec.clock.empty()) {
      throw PlanError(quoted(spec.name) + " is of " + quoted(spec.parents[0]) +
                      " and runs on its clock: leave out .on(\"" + spec.clock + "\")");
    }
    for (const std::string& parent : spec.parents) {
      const std::size_t above = owner[parent_column(spec, parent)];
      if (&parent == &spec.parents[0]) clock[i] = clock[above];
      if (clock[above] != clock[i])
        throw PlanError(quoted(spec.name) + " is of columns that run on different clocks: " + listed(spec.parents));
      level[i] = std::max(level[i], level[above] + 1);
    }
  }

  TimeGrid grid_of(const std::string& text, const BarSpec& bars) {
    if (bars.anchor.empty()) return {bars.span, bars.origin};
    const auto found = almanacs.find(bars.anchor);
    if (found == almanacs.end()) {
      throw PlanError("bar spec " + quoted(text) + " names " + quoted(bars.anchor) +
                      ", which is neither a time zone that is known here nor a calendar of the engine");
    }
    const bool calendar = found->second->sessions;
    if (calendar && (bars.span > 86'400'000'000'000 || bars.origin != 0))
      throw PlanError("bar spec " + quoted(text) +
                      " is of a calendar: its spans begin with a session and are of a day at most");
    found->second->check(bars.anchor);
    plan.almanacs_.insert(*found);
    return {bars.span, bars.origin, found->second};
  }

  std::size_t clock_number(const std::string& text) {
    if (text.empty()) return 0;
    BarSpec bars = parse_bar_spec(text);
    const std::string identity = bars.identity();
    for (std::size_t c = 1; c < plan.clocks_.size(); ++c) {
      if (plan.clocks_[c].identity == identity) return c;
    }
    const std::size_t source = clock_number(bars.source);
    const std::size_t number = plan.clocks_.size();
    const TimeGrid grid = bars.kind == BarKind::time ? grid_of(text, bars) : TimeGrid();
    plan.clocks_.push_back({text, identity, std::move(bars), grid, source});
    if (source != 0) plan.clocks_[source].parts_of.push_back(number);
    return number;
  }

  void place_cells() {
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

  /// The cells that feed a spec, by input; behind them zeroes.
  Cells inputs(std::size_t i) {
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

  /// Where the quote that stands is kept; the node that keeps it is added when it is first asked for.
  std::uint32_t quote_cells() {
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

  /// Equal nodes are one node, and equal windows one window: what is asked for twice is computed once.
  void merge() {
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

  /// Splits each formula over a window into the window, once for all that ask for it, and a reader; and each
  /// pattern of candles into the candles and a reader.
  void share_windows() {
    using WindowKey = std::tuple<std::size_t, Cells, std::string_view, int>;  // clock, input, provider, period
    std::map<WindowKey, std::vector<std::size_t>> readers;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      const Sharing* const sharing = nodes[i].kernel->sharing;
      if (sharing == nullptr) continue;
      const int period = sharing->period(nodes[i].params);
      const std::string_view provider = sharing->provider == nullptr ? "" : sharing->provider->name;
      readers[{nodes[i].clock, nodes[i].inputs, provider, period}].push_back(i);
    }
    for (const auto& [key, members] : readers) {
      const Kernel* const provider = nodes[members.front()].kernel->sharing->provider;
      const int period = std::get<3>(key);
      if (provider == nullptr) {
        for (const auto& [window, its_readers] : windows_for(members)) add_window(*window, period, its_readers);
        continue;
      }
      const std::uint32_t block = add_provider(*provider, period, members);
      for (const std::size_t i : members) {
        nodes[i].inputs = {block};
        nodes[i].kernel = nodes[i].kernel->sharing->reader;
      }
    }
  }

  /// Which windows serve some readers of the same values: those that they read before, where they did, which
  /// also serve others that need no more; and for the rest the narrowest one.
  std::map<const WindowKernel*, std::vector<std::size_t>> windows_for(const std::vector<std::size_t>& members) const {
    std::map<const WindowKernel*, std::vector<std::size_t>> chosen;
    for (const WindowKernel& window : window_kernels()) {
      for (const std::size_t i : members) {
        if (kept_window(i) == window.kernel && gives(window, needs({i}))) chosen[&window].push_back(i);
      }
    }
    std::vector<std::size_t> rest;
    for (const std::size_t i : members) {
      const bool served = std::any_of(chosen.begin(), chosen.end(), [&](const auto& one) {
        return std::find(one.second.begin(), one.second.end(), i) != one.second.end();
      });
      if (served) continue;
      const auto wide =
          std::find_if(chosen.begin(), chosen.end(), [&](const auto& one) { return gives(*one.first, needs({i})); });
      (wide != chosen.end() ? wide->second : rest).push_back(i);
    }
    if (!rest.empty()) chosen[&narrowest_window(needs(rest))] = rest;
    return chosen;
  }

  const Kernel* kept_window(std::size_t node) const {
    const std::size_t spec = owner[nodes[node].out];
    return spec < kept_windows.size() ? kept_windows[spec] : nullptr;
  }

  /// Adds a window, and makes readers of those that ask for it.
  void add_window(const WindowKernel& window, int period, const std::vector<std::size_t>& its_readers) {
    const std::uint32_t first = add_provider(*window.kernel, period, its_readers);
    for (const std::size_t i : its_readers) {
      const Sharing& sharing = *nodes[i].kernel->sharing;
      for (std::size_t k = 0; k < sharing.need_count; ++k) {
        const Number* const at = std::find(window.gives, window.gives + window.give_count, sharing.needs[k]);
        nodes[i].inputs[k + 1] = first + static_cast<std::uint32_t>(at - window.gives);
      }
      nodes[i].kernel = sharing.reader;
    }
  }

  std::set<Number> needs(const std::vector<std::size_t>& members) const {
    std::set<Number> all;
    for (const std::size_t i : members) {
      const Sharing& sharing = *nodes[i].kernel->sharing;
      all.insert(sharing.needs, sharing.needs + sharing.need_count);
    }
    return all;
  }

  static bool gives(const WindowKernel& window, const std::set<Number>& needed) {
    const std::set<Number> given(window.gives, window.gives + window.give_count);
    return std::includes(given.begin(), given.end(), needed.begin(), needed.end());
  }

  /// A node of the readers' inputs, on the level below them; gives the first of its cells.
  std::uint32_t add_provider(const Kernel& kernel, int period, const std::vector<std::size_t>& readers) {
    const auto first = static_cast<std::uint32_t>(plan.cell_count_);
    plan.cell_count_ += kernel.cell_count;
    const Node& any = nodes[readers.front()];
    nodes.push_back({&kernel, {static_cast<double>(period)}, any.clock, any.level - 1, any.inputs, first, any.chained});
    return first;
  }

  static const WindowKernel& narrowest_window(const std::set<Number>& needed) {
    for (const WindowKernel& window : window_kernels()) {
      if (gives(window, needed)) return window;
    }
    throw std::logic_error("no window gives all the numbers that its readers need");
  }

  /// States of one group lie side by side, groups in the order in which they run.
  void place_states() {
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
      if (!joins)
        groups.push_back(
            {nullptr, nullptr, node.kernel->peek_many, node.kernel->step_across, &plan.wirings_.back(), 0});
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
};

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
