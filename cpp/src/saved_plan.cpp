// A plan by names, and names to a plan.
#include "fastcore/engine/saved_plan.hpp"

#include <algorithm>

#include "fastcore/catalogue.hpp"
#include "fastcore/check.hpp"
#include "fastcore/engine/snapshot.hpp"
#include "fastcore/text.hpp"

namespace fastcore {

namespace {

constexpr const char* window_prefix = "window:";

const Kernel& shared_candles() { return kernel_of<SharedCandles>(); }

/// Whether it keeps what others read: a window, or candles.
bool is_window(const Kernel& kernel) {
  if (&kernel == &shared_candles()) return true;
  const auto& all = window_kernels();
  return std::any_of(all.begin(), all.end(), [&](const WindowKernel& w) { return w.kernel == &kernel; });
}

std::vector<SavedParam> params_by_name(const Kernel& kernel, const ParamValues& values) {
  std::vector<SavedParam> all;
  all.reserve(kernel.param_count);
  for (std::size_t i = 0; i < kernel.param_count; ++i) all.push_back({kernel.params[i].name, values[i]});
  return all;
}

const char* input_name(const Clock& clock, std::size_t place) {
  static constexpr const char* of_ticks[] = {"price", "size", "ts", "side", "bid", "ask", "bid_size", "ask_size"};
  static constexpr const char* of_bars[] = {"open", "high", "low", "close", "volume", "ts", "side"};
  return clock.ticks() ? of_ticks[place] : of_bars[place];
}

/// Writes down which node computes which cell, and from which it reads.
class Describer {
 public:
  explicit Describer(const Plan& plan) : plan_(plan), producers_(plan.cell_count(), {-1, 0}) {
    for (std::size_t i = 0; i < plan.states().size(); ++i) {
      for (std::size_t k = 0; k < plan.states()[i].kernel->output_count; ++k)
        producers_[plan.wirings()[i].out + k] = {static_cast<std::int64_t>(i), k};
    }
  }

  SavedNode node(std::size_t place) const {
    const Plan::State& state = plan_.states()[place];
    const Kernel& kernel = *state.kernel;
    SavedNode one;
    one.kernel = (is_window(kernel) ? window_prefix : "") + std::string(kernel.name);
    one.params = params_by_name(kernel, state.params);
    one.clock = static_cast<std::int64_t>(state.clock);
    for (std::size_t k = 0; k < kernel.input_count; ++k) {
      const SavedInput input = read(plan_.wirings()[place].in[k], plan_.clocks()[state.clock]);
      // A formula reads its value, and then the numbers of one window; a pattern reads what its candles read.
      if (input.node >= 0 && is_window(*plan_.states()[static_cast<std::size_t>(input.node)].kernel)) {
        one.window = input.node;
        if (plan_.states()[static_cast<std::size_t>(input.node)].kernel == &shared_candles())
          one.inputs = node(static_cast<std::size_t>(input.node)).inputs;
      } else {
        one.inputs.push_back(input);
      }
    }
    return one;
  }

  SavedInput read(std::uint32_t cell, const Clock& clock) const {
    const auto [node, output] = producers_[cell];
    if (node < 0) return {-1, input_name(clock, cell - clock.cells)};
    return {node, plan_.states()[static_cast<std::size_t>(node)].kernel->outputs[output].name};
  }

 private:
  const Plan& plan_;
  std::vector<std::pair<std::int64_t, std::size_t>> producers_;  // by cell: node and output; -1: an input
};

void check_place(std::int64_t value, std::size_t size, const char* what, std::int64_t least = 0) {
  if (value < least || value >= static_cast<std::int64_t>(size)) {
    throw SnapshotError("the snapshot's plan points to " + std::string(what) + " " + std::to_string(value) + " of " +
                        std::to_string(size));
  }
}

}  // namespace

void SavedIndicator::check(std::size_t schemas) const {
  if (schema < 0 || static_cast<std::size_t>(schema) >= schemas)
    throw SnapshotError("the snapshot's " + kernel + " has a schema that is not there");
}

void SavedPlan::check(std::size_t schemas) const {
  check_place(bar, schemas, "schema");
  if (clocks.empty()) throw SnapshotError("the snapshot's plan has no clock");
  for (const SavedClock& clock : clocks) check_place(clock.bars, schemas, "schema", &clock == clocks.data() ? -1 : 0);
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    check_place(nodes[i].schema, schemas, "schema");
    check_place(nodes[i].clock, clocks.size(), "clock");
    check_place(nodes[i].window, i, "node", -1);
    for (const SavedInput& input : nodes[i].inputs) check_place(input.node, i, "node", -1);
  }
  for (const SavedColumn& column : columns) check_place(column.node, nodes.size(), "node");
}

std::int64_t SchemaTable::number(const std::string& text) {
  const auto place = std::find(texts_.begin(), texts_.end(), text) - texts_.begin();
  if (static_cast<std::size_t>(place) == texts_.size()) texts_.push_back(text);
  return place;
}

SavedPlan describe(const Plan& plan, SchemaTable& schemas) {
  SavedPlan saved;
  for (const NodeSpec& spec : plan.specs()) {
    saved.specs.push_back({spec.name, spec.kernel->name, params_by_name(*spec.kernel, spec.params), spec.clock, {}});
    for (const std::string& parent : spec.parents) saved.specs.back().parents.push_back({parent});
  }
  for (const Clock& clock : plan.clocks()) saved.clocks.push_back({clock.text, -1});
  const Describer describer(plan);
  const Block fresh(plan.symbol_bytes());
  plan.make(fresh.data());
  for (std::size_t i = 0; i < plan.states().size(); ++i) {
    const Plan::State& state = plan.states()[i];
    saved.nodes.push_back(describer.node(i));
    saved.nodes.back().schema = schemas.number(state.kernel->schema(fresh.data() + state.offset));
  }
  for (std::size_t column = 0; column < plan.columns().size(); ++column) {
    const SavedInput shown = describer.read(plan.source_of(column), plan.clocks()[plan.clock_of(column)]);
    saved.columns.push_back({plan.columns()[column], shown.node, shown.name});
  }
  for (const auto& [name, almanac] : plan.almanacs()) saved.almanacs.push_back({name, *almanac});
  return saved;
}

std::vector<NodeSpec> specs_of(const SavedPlan& saved) {
  std::vector<NodeSpec> specs;
  for (const SavedSpec& one : saved.specs) {
    NodeSpec spec{one.name, nullptr, {}, one.clock, {}};
    spec.kernel = &load_params(one.kernel, one.params, spec.params);
    for (const SavedSpec::Parent& parent : one.parents) spec.parents.push_back(parent.column);
    specs.push_back(std::move(spec));
  }
  return specs;
}

}  // namespace fastcore
