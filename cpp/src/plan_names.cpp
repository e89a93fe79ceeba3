// What a plan's specs say: which columns there are, which of them is made of which, and on which clock.
#include <algorithm>

#include "fastcore/check.hpp"
#include "fastcore/text.hpp"
#include "plan_build.hpp"

namespace fastcore {

namespace {

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

/// The inputs of a kernel that `.of()` names: all but the time, which every clock has.
std::size_t named_inputs(const Kernel& kernel) {
  return static_cast<std::size_t>(std::count_if(kernel.inputs, kernel.inputs + kernel.input_count,
                                                [](std::string_view name) { return name != "ts"; }));
}

}  // namespace

void Plan::Build::name_columns() {
  first_column.resize(plan.specs_.size());
  for (const bool hidden : {false, true}) {
    for (std::size_t i = 0; i < plan.specs_.size(); ++i) {
      if (plan.specs_[i].hidden() == hidden) name_columns_of(i);
    }
  }
}

void Plan::Build::name_columns_of(std::size_t i) {
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

std::size_t Plan::Build::parent_column(const NodeSpec& spec, const std::string& parent) const {
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

void Plan::Build::sort() {
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

void Plan::Build::settle(std::size_t i) {
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

TimeGrid Plan::Build::grid_of(const std::string& text, const BarSpec& bars) {
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

std::size_t Plan::Build::clock_number(const std::string& text) {
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

}  // namespace fastcore
