// Snapshots of format 1, which had no names in them: what came in which order followed from the plan and the code.
// That order is written down here as it was, so that these bytes are read for ever, whatever becomes of plans
// and indicators. tests/fixtures/snapshots holds some of them.
#include <algorithm>
#include <array>
#include <map>
#include <tuple>

#include "fastcore/engine/snapshot.hpp"
#include "fastcore/text.hpp"
#include "snapshot_format1.hpp"

namespace fastcore {

namespace {

using namespace format1;

std::vector<SavedParam> read_params(ByteReader& in) {
  std::vector<SavedParam> params;
  for (std::size_t left = in.count(12); left > 0; --left) {
    SavedParam param;
    param.name = in.text();
    param.value = in.number<double>();
    params.push_back(std::move(param));
  }
  return params;
}

/// The plan of format 1: which node lay where.
class Plan1 {
 public:
  explicit Plan1(ByteReader& in) {
    for (std::size_t left = in.count(16); left > 0; --left) {
      SavedSpec spec;
      spec.name = in.text();
      spec.kernel = in.text();
      spec.params = read_params(in);
      spec.clock = in.text();
      for (std::size_t parents = in.count(4); parents > 0; --parents) spec.parents.push_back({in.text()});
      plan_.specs.push_back(std::move(spec));
    }
    try {
      const Plan sound(specs_of(plan_));  // from here on, names are names and chains end
    } catch (const std::invalid_argument& error) {
      throw SnapshotError(std::string("the snapshot holds a plan that cannot be: ") + error.what());
    }
    plan_.clocks.push_back({"", -1});
    for (std::size_t i = 0; i < plan_.specs.size(); ++i) name_columns(i);
    clocks_.resize(plan_.specs.size());
    levels_.resize(plan_.specs.size());
    marks_.resize(plan_.specs.size());
    for (std::size_t i = 0; i < plan_.specs.size(); ++i) visit(i);
    place_cells();
    for (const std::size_t i : order_) add_node(i);
    share_windows();
    sort();
  }

  const SavedPlan& finish(SchemaTable& schemas) {
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      SavedNode& node = plan_.nodes[i];
      const char* const fields = nodes_[i].window   ? "window/s:period"
                                 : node.window >= 0 ? ""
                                                    : indicator_named(node.kernel).fields;
      node.schema = schemas.number(schema_1(fields, node.params));
    }
    for (std::size_t i = 1; i < plan_.clocks.size(); ++i) plan_.clocks[i].bars = schemas.number(bars_schema);
    plan_.bar = schemas.number(bar_schema);
    return plan_;
  }

 private:
  using Cells = std::array<std::size_t, 8>;
  struct Node {
    std::string kernel;
    std::vector<SavedParam> params;
    std::size_t clock;
    std::size_t level;
    Cells cells;
    std::size_t out;
    std::size_t window_node;  // place in nodes_, before they are sorted
    bool window;
  };
  static constexpr std::size_t none = static_cast<std::size_t>(-1);

  void name_columns(std::size_t i) {
    const std::vector<std::string> outputs = words(indicator_named(plan_.specs[i].kernel).outputs);
    first_column_.push_back(plan_.columns.size());
    for (const std::string& output : outputs) {
      std::string name = plan_.specs[i].name;
      if (outputs.size() > 1) name.append(".").append(output);
      plan_.columns.push_back({std::move(name), 0, output});
      owners_.push_back(i);
      columns_.emplace(plan_.columns.back().name, plan_.columns.size() - 1);
    }
  }

  std::size_t column(const SavedSpec::Parent& parent) const { return columns_.at(parent.column); }

  /// Parents before children, each in the order written; clocks are numbered as they come up.
  void visit(std::size_t i) {
    if (marks_[i]) return;
    marks_[i] = true;
    const SavedSpec& spec = plan_.specs[i];
    for (const SavedSpec::Parent& parent : spec.parents) {
      const std::size_t above = owners_[column(parent)];
      visit(above);
      clocks_[i] = clocks_[above];
      levels_[i] = std::max(levels_[i], levels_[above] + 1);
    }
    if (spec.parents.empty()) clocks_[i] = clock_number(spec.clock);
    order_.push_back(i);
  }

  std::size_t clock_number(const std::string& text) {
    for (std::size_t c = 0; c < plan_.clocks.size(); ++c) {
      if (clock_identity(plan_.clocks[c].text) == clock_identity(text)) return c;
    }
    plan_.clocks.push_back({text, -1});
    return plan_.clocks.size() - 1;
  }

  void place_cells() {
    cell_count_ = plan_.columns.size();
    for (std::size_t c = 0; c < plan_.clocks.size(); ++c) {
      clock_cells_.push_back(cell_count_);
      cell_count_ += c == 0 ? 2 : 5;
    }
    cells_.resize(plan_.columns.size());
  }

  static std::size_t input_cell(const std::string& input, bool ticks) {
    static constexpr const char* names[] = {"open", "high", "low", "close", "volume"};
    const auto place = static_cast<std::size_t>(std::find(std::begin(names), std::end(names), input) - names);
    return ticks ? (place == 4 ? 1 : 0) : place;
  }

  void add_node(std::size_t i) {
    const SavedSpec& spec = plan_.specs[i];
    const std::vector<std::string> inputs = words(indicator_named(spec.kernel).inputs);
    Node node{spec.kernel, spec.params, clocks_[i], 2 * levels_[i] + 1, {}, first_column_[i], none, false};
    for (std::size_t k = 0; k < inputs.size(); ++k) {
      node.cells[k] = spec.parents.empty() ? clock_cells_[clocks_[i]] + input_cell(inputs[k], clocks_[i] == 0)
                                           : cells_[column(spec.parents[k])];
    }
    std::vector<double> values;
    values.reserve(spec.params.size());
    for (const SavedParam& param : spec.params) values.push_back(param.value);
    const auto [twin, is_new] = known_.emplace(std::make_tuple(node.kernel, values, node.clock, node.cells), node.out);
    for (std::size_t k = 0; k < words(indicator_named(spec.kernel).outputs).size(); ++k)
      cells_[node.out + k] = twin->second + k;
    if (is_new) nodes_.push_back(std::move(node));
  }

  void share_windows() {
    std::map<std::tuple<std::size_t, Cells, int>, std::vector<std::size_t>> readers;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (asks(nodes_[i].kernel) != 0)
        readers[{nodes_[i].clock, nodes_[i].cells, window_size("period", nodes_[i].params)}].push_back(i);
    }
    for (const auto& [key, members] : readers) {
      unsigned needed = 0;
      for (const std::size_t i : members) needed |= asks(nodes_[i].kernel);
      const auto* const window = std::find_if(std::begin(windows), std::end(windows),
                                              [&](const Window1& one) { return (needed & ~one.gives) == 0; });
      const Node& any = nodes_[members.front()];
      Node node{window->name, {{"period", static_cast<double>(std::get<2>(key))}},
                any.clock,    any.level - 1,
                any.cells,    none,
                none,         true};
      for (const std::size_t i : members) nodes_[i].window_node = nodes_.size();
      nodes_.push_back(std::move(node));
    }
  }

  /// By clock, level and kernel, as the states lay in a symbol; then all that points to a node follows.
  void sort() {
    std::map<std::pair<std::string, bool>, std::size_t> rank;  // a reader is not the indicator that has a window
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      rank.emplace(rank_key(nodes_[i]), rank.size());
      places.push_back(i);
    }
    std::stable_sort(places.begin(), places.end(), [&](std::size_t a, std::size_t b) {
      const auto key = [&](const Node& n) { return std::make_tuple(n.clock, n.level, rank[rank_key(n)]); };
      return key(nodes_[a]) < key(nodes_[b]);
    });
    std::vector<std::size_t> place_of(nodes_.size());
    for (std::size_t i = 0; i < places.size(); ++i) place_of[places[i]] = i;
    std::vector<Node> sorted;
    for (const std::size_t place : places) {
      sorted.push_back(nodes_[place]);
      if (sorted.back().window_node != none) sorted.back().window_node = place_of[sorted.back().window_node];
    }
    nodes_ = std::move(sorted);
    for (const Node& node : nodes_) plan_.nodes.push_back(saved(node));
    for (std::size_t column = 0; column < plan_.columns.size(); ++column) {
      const SavedInput shown = reads(cells_[column], 0);
      plan_.columns[column].node = shown.node;
      plan_.columns[column].output = shown.name;
    }
  }
  static std::pair<std::string, bool> rank_key(const Node& node) { return {node.kernel, node.window}; }

  SavedNode saved(const Node& node) const {
    SavedNode one;
    one.kernel = node.kernel;
    one.params = node.params;
    one.clock = static_cast<std::int64_t>(node.clock);
    one.window = node.window_node == none ? -1 : static_cast<std::int64_t>(node.window_node);
    const std::size_t inputs = node.window ? 1 : words(indicator_named(node.kernel).inputs).size();
    for (std::size_t k = 0; k < inputs; ++k) one.inputs.push_back(reads(node.cells[k], node.clock));
    return one;
  }

  SavedInput reads(std::size_t cell, std::size_t clock) const {
    static constexpr const char* of_ticks[] = {"price", "size"};
    static constexpr const char* of_bars[] = {"open", "high", "low", "close", "volume"};
    if (cell >= plan_.columns.size()) {
      const std::size_t place = cell - clock_cells_[clock];
      return {-1, clock == 0 ? of_ticks[place] : of_bars[place]};
    }
    const std::size_t owner = owners_[cell];
    const auto found =
        std::find_if(nodes_.begin(), nodes_.end(), [&](const Node& node) { return node.out == first_column_[owner]; });
    return {found - nodes_.begin(), words(indicator_named(found->kernel).outputs)[cell - first_column_[owner]]};
  }

  SavedPlan plan_;
  std::vector<std::size_t> first_column_;         // by spec
  std::vector<std::size_t> owners_;               // by column: its spec
  std::map<std::string, std::size_t> columns_;    // by name
  std::vector<std::size_t> clocks_;               // by spec
  std::vector<std::size_t> levels_;               // by spec
  std::vector<bool> marks_;                       // by spec: seen
  std::vector<std::size_t> order_;                // specs, parents first
  std::vector<std::size_t> clock_cells_;          // by clock
  std::vector<std::size_t> cells_;                // by column: where it is computed
  std::size_t cell_count_ = 0;
  std::map<std::tuple<std::string, std::vector<double>, std::size_t, Cells>, std::size_t> known_;
  std::vector<Node> nodes_;
};

/// Steps over the schemas that format 1 had of some states.
void skip_schemas(ByteReader& in) {
  for (std::size_t left = in.count(8); left > 0; --left) {
    in.text();
    in.text();
  }
}

void upgrade_engine(ByteReader& in, SnapshotWriter& out) {
  const std::string_view options = in.raw(8 + 8 + 1 + 1);
  const std::string_view policy = options.substr(8 + 8);  // the same for each symbol
  Plan1 plan(in);
  skip_schemas(in);
  ByteWriter& engine = out.begin("engine");
  engine.number(static_cast<std::uint32_t>(out.schemas().number(engine_schema)));
  engine.raw(options);
  engine.raw(in.raw(ledger_bytes));
  out.end();
  SavedPlan saved = plan.finish(out.schemas());
  out.record("plan", saved);
  std::vector<Schema> schemas;
  for (const std::string& text : out.schemas().texts()) schemas.emplace_back(text);

  ByteWriter& symbols = out.begin("symbols");
  const std::size_t count = in.count(4);
  symbols.number(static_cast<std::uint32_t>(count));
  for (std::size_t i = 0; i < count; ++i) {
    symbols.text(in.text());
    ByteWriter body;
    body.number(static_cast<std::uint32_t>(out.schemas().number(policy_schema)));
    body.raw(policy);
    body.number(static_cast<std::uint32_t>(out.schemas().number(self_schema)));
    body.raw(in.raw(8 + 1 + ledger_bytes + saved.columns.size() * 8));
    for (std::size_t clock = 1; clock < saved.clocks.size(); ++clock) {
      body.raw(schemas[static_cast<std::size_t>(saved.clocks[clock].bars)].skip(in));
      body.number(std::uint32_t{0});  // format 1 kept no closed bar
    }
    for (const SavedNode& node : saved.nodes) body.raw(schemas[static_cast<std::size_t>(node.schema)].skip(in));
    symbols.number(static_cast<std::uint64_t>(body.bytes().size()));
    symbols.raw(body.bytes());
  }
  out.end();
}

void upgrade_indicator(ByteReader& in, SnapshotWriter& out) {
  const std::string kernel = in.text();
  const std::vector<SavedParam> params = read_params(in);
  ParamValues values;
  load_params(kernel, params, values);
  const Indicator1& known = indicator_named(kernel);
  in.text();  // the schema of a state with other parameters
  ByteWriter& self = out.begin("indicator");
  self.number(static_cast<std::uint32_t>(out.schemas().number(indicator_schema)));
  self.text(kernel);
  self.number(static_cast<std::uint32_t>(params.size()));
  for (const SavedParam& param : params) {
    self.text(param.name);
    self.number(param.value);
  }
  const std::vector<std::string> outputs = words(known.outputs);
  self.number(static_cast<std::uint32_t>(outputs.size()));
  for (const std::string& output : outputs) {
    self.text(output);
    self.number(in.number<double>());
  }
  const std::string schema = schema_1(known.fields, params);
  self.number(out.schemas().number(schema));
  out.end();
  out.begin("state").raw(Schema(schema).skip(in));
  out.end();
}

}  // namespace

std::string upgrade_format_1(SnapshotKind kind, std::string_view payload) {
  ByteReader in(payload);
  SnapshotWriter out(kind);
  switch (kind) {
    case SnapshotKind::engine: upgrade_engine(in, out); break;
    case SnapshotKind::indicator: upgrade_indicator(in, out); break;
    case SnapshotKind::symbol: throw SnapshotError("format 1 had no snapshots of symbols");
  }
  if (in.left() != 0) throw SnapshotError("the snapshot has " + std::to_string(in.left()) + " bytes after its end");
  return std::string(open(out.finish()).payload);
}

}  // namespace fastcore
