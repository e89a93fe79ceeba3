// A plan as a snapshot holds it: by names. What a node is follows from its indicator, its parameters, its clock
// and its inputs, not from where it lies or what its column is called; so a state finds its node again in
// another plan, or in a later version of this one.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "fastcore/engine/cold.hpp"
#include "fastcore/engine/plan.hpp"
#include "fastcore/schema.hpp"

namespace fastcore {

/// The most things of one kind that a snapshot's plan may list.
inline constexpr std::size_t most_listed = 10'000'000;

struct SavedParam {
  std::string name;
  double value = 0.0;
  template <class Archive>
  void state(Archive& archive) {
    archive.text("name", name);
    archive("value", value);
  }
};

/// An indicator as the user wrote it.
struct SavedSpec {
  struct Parent {
    std::string column;
    template <class Archive>
    void state(Archive& archive) {
      archive.text("column", column);
    }
  };
  std::string name;
  std::string kernel;
  std::vector<SavedParam> params;
  std::string clock;
  std::vector<Parent> parents;
  template <class Archive>
  void state(Archive& archive) {
    archive.text("name", name);
    archive.text("kernel", kernel);
    list_state(archive, "params", params, most_listed);
    archive.text("clock", clock);
    list_state(archive, "parents", parents, most_listed);
  }
};

/// An indicator on its own, but for its state.
struct SavedIndicator {
  struct Value {
    std::string output;
    double value = 0.0;
    template <class Archive>
    void state(Archive& archive) {
      archive.text("output", output);
      archive("value", value);
    }
  };
  std::string kernel;
  std::vector<SavedParam> params;
  std::vector<Value> values;
  std::int64_t schema = 0;  ///< of its state
  template <class Archive>
  void state(Archive& archive) {
    archive.text("kernel", kernel);
    list_state(archive, "params", params, most_listed);
    list_state(archive, "values", values, most_listed);
    archive("schema", schema);
  }
  /// Throws SnapshotError unless there is such a schema; `schemas`: how many there are.
  void check(std::size_t schemas) const;
};

/// A clock, and the schema of what builds its bars.
struct SavedClock {
  std::string text;
  std::int64_t bars = -1;  ///< -1 for ticks
  template <class Archive>
  void state(Archive& archive) {
    archive.text("text", text);
    archive("bars", bars);
  }
};

/// What a node reads: an output of another node, or an input of its clock.
struct SavedInput {
  std::int64_t node = -1;  ///< -1: an input of the clock
  std::string name;        ///< of the output, or of the input
  template <class Archive>
  void state(Archive& archive) {
    archive("node", node);
    archive.text("name", name);
  }
};

/// A node that runs: an indicator, or a window that indicators read.
struct SavedNode {
  std::string kernel;  ///< "window:..." for a window
  std::vector<SavedParam> params;
  std::int64_t clock = 0;
  std::int64_t window = -1;  ///< the node whose window it reads; -1: none
  std::int64_t schema = 0;   ///< of its state
  std::vector<SavedInput> inputs;
  template <class Archive>
  void state(Archive& archive) {
    archive.text("kernel", kernel);
    list_state(archive, "params", params, most_listed);
    archive("clock", clock);
    archive("window", window);
    archive("schema", schema);
    list_state(archive, "inputs", inputs, most_listed);
  }
};

/// A column, and the output that it shows.
struct SavedColumn {
  std::string name;
  std::int64_t node = 0;
  std::string output;
  template <class Archive>
  void state(Archive& archive) {
    archive.text("name", name);
    archive("node", node);
    archive.text("output", output);
  }
};

/// A time zone or calendar that bar specs name.
struct SavedAlmanac {
  std::string name;
  Almanac almanac;
  template <class Archive>
  void state(Archive& archive) {
    archive.text("name", name);
    archive("almanac", almanac);
  }
};

struct SavedPlan {
  std::vector<SavedSpec> specs;
  std::vector<SavedClock> clocks;
  std::vector<SavedNode> nodes;  ///< each after those that it reads
  std::vector<SavedColumn> columns;
  std::int64_t bar = 0;  ///< schema of a closed bar
  std::vector<SavedAlmanac> almanacs;
  template <class Archive>
  void state(Archive& archive) {
    list_state(archive, "specs", specs, most_listed);
    list_state(archive, "clocks", clocks, most_listed);
    list_state(archive, "nodes", nodes, most_listed);
    list_state(archive, "columns", columns, most_listed);
    archive("bar", bar);
    list_state(archive, "almanacs", almanacs, most_listed);
  }
  /// Throws SnapshotError unless every number in it points to something; `schemas`: how many there are.
  void check(std::size_t schemas) const;
};

/// The texts of schemas, each once, by number.
class SchemaTable {
 public:
  std::int64_t number(const std::string& text);
  const std::vector<std::string>& texts() const noexcept { return texts_; }

 private:
  std::vector<std::string> texts_;
};

/// A plan by names. The schemas of bars are left to the caller.
SavedPlan describe(const Plan& plan, SchemaTable& schemas);

/// The specs that a snapshot's plan was made of; throws SnapshotError for an indicator that is not known.
std::vector<NodeSpec> specs_of(const SavedPlan& saved);

/// Where the states of a saved plan go in another: by node, column and clock of the plan, the place in the saved
/// one, or nowhere.
struct PlanFit {
  static constexpr std::size_t nowhere = static_cast<std::size_t>(-1);
  std::shared_ptr<const Plan> plan;
  std::vector<std::size_t> nodes;
  std::vector<std::size_t> columns;
  std::vector<std::size_t> clocks;
  ColdColumns cold = no_cold_columns();
};

/// Fits a saved plan into one that is there. `schemas` are those of the saved plan.
PlanFit fit(const SavedPlan& saved, const std::vector<Schema>& schemas, std::shared_ptr<const Plan> plan);
/// Makes a plan of these specs into which the saved one fits best; throws PlanError. What reads a shared window goes on
/// reading the one that it read, and bars keep the zones and calendars that they had; `others` are those for bars that
/// are new.
PlanFit fit(const SavedPlan& saved, const std::vector<Schema>& schemas, std::vector<NodeSpec> specs,
            Almanacs others = {});

}  // namespace fastcore
