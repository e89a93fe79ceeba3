// Which states of a saved plan have a place in another.
#include <algorithm>
#include <cstring>
#include <map>
#include <unordered_map>

#include "fastcore/catalogue.hpp"
#include "fastcore/check.hpp"
#include "fastcore/engine/saved_plan.hpp"
#include "fastcore/text.hpp"

namespace fastcore {

namespace {

/// Numbers for what nodes are: equal for two nodes that compute the same from the same, whichever plan they are of.
class Identities {
 public:
  struct OfPlan {
    std::vector<std::size_t> meaning;  ///< by node: of what it says
    std::vector<std::size_t> whole;    ///< and of the window that it reads, besides
  };

  OfPlan of(const SavedPlan& plan) {
    std::vector<std::string> clocks;
    clocks.reserve(plan.clocks.size());
    for (const SavedClock& clock : plan.clocks) clocks.push_back(clock_identity(clock.text));
    OfPlan all;
    for (const SavedNode& node : plan.nodes) {
      std::string key = node.kernel + params(node) + "@" + clocks[static_cast<std::size_t>(node.clock)];
      for (const SavedInput& input : node.inputs) {
        key += input.node < 0 ? " " : " #" + std::to_string(all.meaning[static_cast<std::size_t>(input.node)]) + ".";
        key += input.name;
      }
      all.meaning.push_back(number(key));
      if (node.window >= 0) key += " over #" + std::to_string(all.whole[static_cast<std::size_t>(node.window)]);
      all.whole.push_back(number("whole " + key));
    }
    return all;
  }

 private:
  /// Parameters as today's catalogue has them, so that one added since then stands with its default.
  static std::string params(const SavedNode& node) {
    std::map<std::string, double> values;
    if (const Kernel* const kernel = find_kernel(node.kernel)) {
      for (std::size_t i = 0; i < kernel->param_count; ++i) values[kernel->params[i].name] = kernel->params[i].initial;
    }
    for (const SavedParam& param : node.params) values[param.name] = param.value;
    std::string text;
    for (const auto& [name, value] : values) {
      std::uint64_t bits = 0;
      std::memcpy(&bits, &value, sizeof bits);
      text.append(" ").append(name).append("=").append(std::to_string(bits));
    }
    return text;
  }

  std::size_t number(const std::string& key) { return known_.emplace(key, known_.size()).first->second; }

  std::map<std::string, std::size_t> known_;
};

/// A place by key, or nowhere.
template <class Map, class Key>
std::size_t find(const Map& places, const Key& key) {
  const auto found = places.find(key);
  return found == places.end() ? PlanFit::nowhere : found->second;
}

/// Whether a parameter is a convention that is TA-Lib's, which users do not write.
bool is_usual(const SavedNode& node, const SavedParam& param) {
  const Kernel* const kernel = find_kernel(node.kernel);
  if (kernel == nullptr) return false;
  const auto* const end = kernel->params + kernel->param_count;
  const auto* const found =
      std::find_if(kernel->params, end, [&](const ParamInfo& one) { return param.name == one.name; });
  return found != end && found->convention && param.value == found->initial;
}

/// An indicator as users write it.
std::string written(const SavedPlan& plan, const SavedNode& node) {
  std::string text;
  for (const SavedParam& param : node.params) {
    if (!is_usual(node, param)) text += (text.empty() ? "" : ", ") + param.name + "=" + plain(param.value);
  }
  text = node.kernel + "(" + text;
  const std::string& clock = plan.clocks[static_cast<std::size_t>(node.clock)].text;
  return text + ")" + (clock.empty() ? "" : " on " + clock);
}

class Fitting {
 public:
  Fitting(const SavedPlan& saved, const std::vector<Schema>& schemas) : saved_(saved), schemas_(schemas) {
    const Identities::OfPlan ids = identities_.of(saved);
    for (std::size_t i = 0; i < saved.nodes.size(); ++i) {
      meanings_.emplace(ids.meaning[i], i);
      nodes_.emplace(ids.whole[i], i);
    }
    for (std::size_t i = 0; i < saved.columns.size(); ++i) {
      names_.emplace(saved.columns[i].name, i);
      outputs_.emplace(std::make_pair(saved.columns[i].node, saved.columns[i].output), i);
    }
    for (std::size_t i = 0; i < saved.clocks.size(); ++i) clocks_.emplace(clock_identity(saved.clocks[i].text), i);
  }

  /// For each spec of a plan the kernel of the window that it read when it was saved, or null.
  std::vector<const Kernel*> windows(const Plan& plan) {
    SchemaTable unused;
    const SavedPlan own = describe(plan, unused);
    const Identities::OfPlan own_ids = identities_.of(own);
    std::vector<const Kernel*> all;
    for (std::size_t i = 0; i < plan.specs().size(); ++i) {
      const std::size_t before = find(meanings_, own_ids.meaning[plan.node_of(plan.first_column(i))]);
      const std::int64_t window = before == PlanFit::nowhere ? -1 : saved_.nodes[before].window;
      all.push_back(window < 0 ? nullptr : window_kernel(saved_.nodes[static_cast<std::size_t>(window)].kernel));
    }
    return all;
  }

  PlanFit into(std::shared_ptr<const Plan> plan) {
    PlanFit fit;
    SchemaTable own_schemas;
    const SavedPlan own = describe(*plan, own_schemas);
    const Identities::OfPlan own_ids = identities_.of(own);
    std::vector<std::string> why;  // by node: why it starts anew; empty where it does not
    for (std::size_t i = 0; i < own.nodes.size(); ++i) {
      const std::size_t from = find(nodes_, own_ids.whole[i]);
      why.push_back(from == PlanFit::nowhere ? missing(own, own_ids, i) : check(own.nodes[i], from, own_schemas));
      for (const std::int64_t above : parents(own.nodes[i])) {
        if (why[i].empty()) why[i] = why[static_cast<std::size_t>(above)];
      }
      fit.nodes.push_back(why[i].empty() ? from : PlanFit::nowhere);
    }
    std::vector<ColdColumn> cold;
    for (std::size_t column = 0; column < own.columns.size(); ++column) {
      const auto node = static_cast<std::size_t>(own.columns[column].node);
      const auto before = std::make_pair(static_cast<std::int64_t>(fit.nodes[node]), own.columns[column].output);
      fit.columns.push_back(find(outputs_, before));
      if (!why[node].empty()) cold.push_back({column, why[node]});
    }
    for (const SavedClock& clock : own.clocks) fit.clocks.push_back(find(clocks_, clock_identity(clock.text)));
    if (!cold.empty()) fit.cold = std::make_shared<const std::vector<ColdColumn>>(std::move(cold));
    fit.plan = std::move(plan);
    return fit;
  }

 private:
  static const Kernel* window_kernel(const std::string& name) {
    for (const WindowKernel& window : window_kernels()) {
      if (name == std::string("window:") + window.kernel->name) return window.kernel;
    }
    return nullptr;
  }

  static std::vector<std::int64_t> parents(const SavedNode& node) {
    std::vector<std::int64_t> all;
    if (node.window >= 0) all.push_back(node.window);
    for (const SavedInput& input : node.inputs) {
      if (input.node >= 0) all.push_back(input.node);
    }
    return all;
  }

  /// Why a saved state cannot be loaded into a node; empty where it can.
  std::string check(const SavedNode& node, std::size_t from, const SchemaTable& own_schemas) const {
    const Schema& saved = schemas_[static_cast<std::size_t>(saved_.nodes[from].schema)];
    const std::string& own = own_schemas.texts()[static_cast<std::size_t>(node.schema)];
    if (own == saved.text()) return "";
    try {
      check_fits(saved, Schema(own), node.kernel);
      return "";
    } catch (const SnapshotError& error) {
      return error.what();
    }
  }

  /// Why a node has no state in the snapshot.
  std::string missing(const SavedPlan& own, const Identities::OfPlan& own_ids, std::size_t node) const {
    if (find(meanings_, own_ids.meaning[node]) != PlanFit::nowhere)
      return "it reads another window than in the snapshot's plan";
    const auto column = std::find_if(own.columns.begin(), own.columns.end(), [&](const SavedColumn& one) {
      return one.node == static_cast<std::int64_t>(node);
    });
    const std::size_t before = column == own.columns.end() ? PlanFit::nowhere : find(names_, column->name);
    if (before == PlanFit::nowhere) return "the snapshot has no such indicator";
    const std::string was = written(saved_, saved_.nodes[static_cast<std::size_t>(saved_.columns[before].node)]);
    if (was == written(own, own.nodes[node])) return "it was of other columns in the snapshot";
    return "it was " + was + " in the snapshot";
  }

  const SavedPlan& saved_;
  const std::vector<Schema>& schemas_;
  Identities identities_;
  // Of the saved plan, the first place of each.
  std::unordered_map<std::size_t, std::size_t> meanings_;
  std::unordered_map<std::size_t, std::size_t> nodes_;
  std::unordered_map<std::string, std::size_t> names_;
  std::map<std::pair<std::int64_t, std::string>, std::size_t> outputs_;
  std::unordered_map<std::string, std::size_t> clocks_;
};

}  // namespace

PlanFit fit(const SavedPlan& saved, const std::vector<Schema>& schemas, std::shared_ptr<const Plan> plan) {
  return Fitting(saved, schemas).into(std::move(plan));
}

PlanFit fit(const SavedPlan& saved, const std::vector<Schema>& schemas, std::vector<NodeSpec> specs, Almanacs others) {
  for (const SavedAlmanac& one : saved.almanacs) others[one.name] = std::make_shared<const Almanac>(one.almanac);
  Fitting fitting(saved, schemas);
  auto plan = std::make_shared<const Plan>(specs, std::vector<const Kernel*>(), others);
  const auto windows = fitting.windows(*plan);
  if (std::any_of(windows.begin(), windows.end(), [](const Kernel* kernel) { return kernel != nullptr; }))
    plan = std::make_shared<const Plan>(std::move(specs), windows, others);
  return fitting.into(std::move(plan));
}

}  // namespace fastcore
