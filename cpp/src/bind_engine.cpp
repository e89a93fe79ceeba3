// The engine in Python: plan in, symbols out, snapshots, figures.
#include "bind_engine.hpp"

#include <pybind11/numpy.h>

#include <set>

#include "bind.hpp"
#include "bind_journal.hpp"
#include "bind_policy.hpp"
#include "errors.hpp"
#include "fastcore/file.hpp"
#include "fastcore/text.hpp"

namespace py = pybind11;

namespace fastcore::python {

std::size_t time_clock(const Plan& plan, const std::string& span, const char* method) {
  const std::size_t clock = plan.clock(span);
  if (plan.clocks()[clock].bars.kind == BarKind::time) return clock;
  throw InputError(std::string(method) + ": bars of '" + span +
                   "' are made from what comes in; only bars of a span of time may be made elsewhere");
}

std::int64_t checked_time(const char* method, std::int64_t ts) {
  if (ts >= earliest_ts) return ts;
  throw InputError(std::string(method) + ": ts=" + std::to_string(ts) + " must be nanoseconds since 1970 UTC");
}

Gap gap_named(const std::string& kind) {
  std::vector<std::string> known;
  for (std::size_t i = 0; i < gap_count; ++i) {
    if (kind == gap_names[i]) return all_gaps[i];
    known.emplace_back(gap_names[i]);
  }
  throw InputError("on_gap: kind must be one of " + listed(known) + ", not " + quoted(kind));
}

Engine& PyEngine::engine() const {
  enter(*handle);
  return *handle->engine;
}

std::unique_ptr<PyEngine> wrap(std::unique_ptr<Engine> engine, bool copy_rows) {
  auto self = std::make_unique<PyEngine>();
  self->handle = std::make_shared<EngineHandle>();
  self->handle->engine = std::move(engine);
  self->handle->copy_rows = copy_rows;
  const auto& columns = self->handle->engine->plan().columns();
  for (std::size_t i = 0; i < columns.size(); ++i) {
    // Interned, as names in source are: the lookup of one then compares pointers.
    PyObject* name = py::str(columns[i]).release().ptr();
    PyUnicode_InternInPlace(&name);
    self->handle->columns[py::reinterpret_steal<py::object>(name)] = i;
  }
  self->handle->column_table = ColumnTable(self->handle->columns);
  self->handle->spans.resize(self->handle->engine->plan().clocks().size());
  return self;
}

namespace {

std::vector<NodeSpec> specs_of_plan(const py::dict& plan) {
  std::vector<NodeSpec> specs;
  for (const auto& [name, value] : plan) {
    if (!py::isinstance<py::str>(name)) throw WrongType("Engine: indicator names must be text, not " + shown(name));
    if (!py::isinstance<PyIndicator>(value)) {
      throw WrongType("Engine: " + shown(name) + " must be an indicator such as fastcore.EMA(20), not " + shown(value));
    }
    const auto& one = py::cast<const PyIndicator&>(value);
    specs.push_back({to_text(name, "Engine: the name of an indicator"), &one.indicator.kernel(), one.indicator.params(),
                     one.clock, one.parents});
  }
  return specs;
}

/// Names of the zones and calendars that a plan's bar specs name.
std::set<std::string> anchors_of_plan(const py::dict& plan) {
  std::set<std::string> all;
  for (const NodeSpec& spec : specs_of_plan(plan)) {
    for (std::string& anchor : anchors_of(spec.clock)) all.insert(std::move(anchor));
  }
  return all;
}

/// From name -> (whether it is a calendar, from, value).
Almanacs almanacs_of(const py::dict& tables) {
  Almanacs all;
  for (const auto& [name, table] : tables) {
    const auto parts = py::cast<py::tuple>(table);
    const auto from = py::cast<py::array_t<std::int64_t>>(parts[1]);
    const auto value = py::cast<py::array_t<std::int64_t>>(parts[2]);
    Almanac almanac;
    almanac.sessions = py::cast<bool>(parts[0]);
    for (py::ssize_t i = 0; i < from.size(); ++i) almanac.entries.push_back({from.at(i), value.at(i)});
    all[py::cast<std::string>(name)] = std::make_shared<const Almanac>(std::move(almanac));
  }
  return all;
}

std::unique_ptr<PyEngine> make(const py::dict& plan, std::size_t history, std::size_t max_symbols,
                               const py::object& policy, bool copy_rows, const py::dict& almanacs) {
  Engine::Options options{history, max_symbols, policy_of(policy)};
  return wrap(std::make_unique<Engine>(specs_of_plan(plan), options, almanacs_of(almanacs)), copy_rows);
}

std::unique_ptr<PyEngine> restore(const py::bytes& snapshot, const py::object& plan, bool copy_rows,
                                  const py::dict& almanacs) {
  const std::string_view bytes(snapshot);
  if (plan.is_none()) return wrap(Engine::restore(bytes), copy_rows);
  return wrap(Engine::restore(bytes, specs_of_plan(plan), almanacs_of(almanacs)), copy_rows);
}

py::object restore_symbol(PyEngine& self, const py::bytes& snapshot) {
  const auto& restored = self.engine().restore_symbol(std::string_view(snapshot));
  return py::cast(self).attr("symbol")(restored->name());
}

py::object symbol(PyEngine& self, const py::object& text, const py::object& policy) {
  const std::string name = to_text(text, "engine.symbol: the name");
  const py::str key(name);
  if (policy.is_none()) {
    if (self.symbols.contains(key)) {
      py::object known = self.symbols[key];
      // A journal that is played may drop a symbol and make it anew, which Python has not seen.
      if (self.handle->busy || self.engine().find(name) == py::cast<const PySymbol&>(known).symbol) return known;
    }
  } else if (self.engine().find(name) != nullptr) {
    throw InputError("symbol '" + name + "' is there already: a policy of its own is given at its first use");
  }
  const Policy own = policy.is_none() ? Policy() : policy_of(policy);
  const auto& core = self.engine().symbol(name, policy.is_none() ? nullptr : &own);
  py::object made = py::cast(std::make_unique<PySymbol>(self.handle, core, py::weakref(py::cast(self))));
  self.symbols[key] = made;
  return made;
}

/// Work of an engine in which a function of its plan may be called, which might try to come in again.
template <class Work>
auto inside(PyEngine& self, const Work& work) {
  Engine& engine = self.engine();
  const Entered entered(*self.handle);
  return work(engine);
}

void drop(PyEngine& self, const py::object& text) {
  const std::string name = to_text(text, "engine.drop: the name");
  const py::str key(name);
  if (!inside(self, [&](Engine& engine) { return engine.drop(name); }))
    throw UnknownName("no symbol '" + name + "' to drop");
  if (!self.symbols.contains(key)) return;
  py::cast<PySymbol&>(self.symbols[key]).dropped = true;
  self.symbols.attr("pop")(key);
}

/// Writes a snapshot to a file. Returns an errno and what could not be done; 0 and nothing where all was.
py::tuple save(PyEngine& self, const py::bytes& path, bool history) {
  static constexpr const char* steps[] = {"",        "replacing it", "opening the file beside it", "writing",
                                          "syncing", "renaming",     "syncing its folder"};
  const std::string target(path);
  const std::string bytes = self.engine().snapshot(history);
  Replacing result;
  {
    const py::gil_scoped_release release;
    result = replace_file(target, bytes);
  }
  return py::make_tuple(result.error, steps[static_cast<int>(result.step)]);
}

void set_sequence(PyEngine& self, std::uint64_t sequence) {
  if (self.engine().log() != nullptr) throw InputError("sequence: the engine's journal counts it");
  self.engine().set_sequence(sequence);
}

py::dict latency(const Histogram& live) {
  const Histogram h = live.copy();
  py::dict all;
  all["count"] = h.count();
  all["mean"] = h.mean();
  static constexpr std::pair<const char*, double> shares[] = {{"p50", 0.5},  {"p90", 0.9},     {"p95", 0.95},
                                                              {"p99", 0.99}, {"p99.9", 0.999}, {"p99.99", 0.9999}};
  for (const auto& [name, share] : shares) all[name] = h.percentile(share);
  all["max"] = h.max();
  return all;
}

/// They may be read while a batch runs.
py::dict stages(const PyEngine& self) {
  py::dict all;
  for (std::size_t i = 0; i < stage_count; ++i)
    all[stage_names[i]] = self.handle->engine->latency(static_cast<Stage>(i));
  return all;
}

py::dict stats(PyEngine& self) {
  Engine& engine = self.engine();
  py::dict latencies;
  for (std::size_t i = 0; i < stage_count; ++i)
    latencies[stage_names[i]] = latency(engine.latency(static_cast<Stage>(i))->get());
  py::dict all;
  all["symbols"] = engine.symbols().size();
  all["columns"] = engine.plan().columns().size();
  all["nodes"] = engine.plan().node_count();
  all["memory_bytes"] = engine.memory();
  all["ledger"] = ledger_dict(engine.ledger());
  all["latency_ns"] = latencies;
  all["latency_sampling"] = Engine::sampling;
  return all;
}

}  // namespace

void bind_engine(py::module_& m) {
  py::class_<PyEngine> type(m, "Engine", "Many symbols under one plan of indicators.");
  type.def(py::init(&make), py::arg("plan"), py::arg("history"), py::arg("max_symbols"), py::arg("policy"),
           py::arg("copy_rows"), py::arg("almanacs"))
      .def(py::init(&restore), py::arg("snapshot"), py::arg("plan"), py::arg("copy_rows"), py::arg("almanacs"))
      .def("symbol", &symbol, py::arg("name"), py::arg("policy") = py::none(),
           "The symbol of that name, made on first use: with the engine's policy, or one of its own.")
      .def(
          "flush", [](PyEngine& self) { inside(self, [](Engine& engine) { engine.flush(); }); },
          "Release the ticks that policies hold back: the stream has ended, or pauses.")
      .def("_clock", [](PyEngine& self, const std::string& span) { return self.engine().plan().clock(span); })
      .def("_begin_history", [](PyEngine& self) { self.engine().begin_history(); })
      .def("_go_live", [](PyEngine& self) { self.engine().go_live(); })
      .def(
          "on_time",
          [](PyEngine& self, std::int64_t ts) {
            checked_time("on_time", ts);
            inside(self, [&](Engine& engine) { engine.on_time(ts); });
          },
          py::arg("ts"),
          "Event time has come to ts (ns since 1970 UTC) for every symbol: time bars that end before it close, and ticks before it are late from now on.")
      .def(
          "on_gap",
          [](PyEngine& self, const std::string& kind) {
            const Gap gap = gap_named(kind);
            inside(self, [&](Engine& engine) { engine.on_gap(gap); });
          },
          py::arg("kind"),
          "Every symbol has a gap: 'sequence' (ticks were lost), 'silence', 'session' (it is over: bars close) or 'feed' (it is down).")
      .def(
          "drop", &drop, py::arg("name"),
          "Forget a symbol: what its policy holds back is released, its ledger stays in the engine's. The handle can still be read, and takes nothing more.")
      .def_property_readonly(
          "symbols",
          [](PyEngine& self) {
            std::vector<std::string> names;
            for (const auto& one : self.engine().symbols()) names.push_back(one->name());
            return names;
          },
          "Names of the symbols, in order of first use.")
      .def_property_readonly(
          "columns", [](PyEngine& self) { return self.handle->engine->plan().columns(); }, "Output names in row order.")
      .def_property_readonly(
          "ledger", [](PyEngine& self) { return ledger_dict(self.engine().ledger()); },
          "Ticks received by all symbols, and how many ended in each bucket.")
      .def_property_readonly("_copies_rows", [](const PyEngine& self) { return self.handle->copy_rows; })
      .def_property_readonly("_history", [](PyEngine& self) { return self.engine().options().history; })
      .def("stats", &stats, "Counts, memory in bytes, and latency percentiles in ns of a sample of the calls.")
      .def("stages", &stages,
           "The histograms behind the latencies of `stats`, by name: of calls, and of the parts of a tick.")
      .def("_snapshot", [](PyEngine& self, bool history) { return py::bytes(self.engine().snapshot(history)); })
      .def("_save", &save)
      .def("_restore_symbol", &restore_symbol)
      .def_property_readonly(
          "cold", [](PyEngine& self) { return cold_dict(self.engine().cold(), self.engine().plan()); },
          "Columns that started anew when the engine was restored, and why, in row order.")
      .def_property(
          "sequence", [](PyEngine& self) { return self.engine().sequence(); }, &set_sequence,
          "Number of the last record of a journal that this state holds; 0 without one. Part of the snapshot.");
  bind_batches(type);
  bind_engine_journal(type);
  bind_replay(m);
  m.def("anchors", &anchors_of_plan, py::arg("plan"),
        "Names of the time zones and calendars that a plan's bar specs name.");
  py::list names;
  for (std::size_t i = 0; i < outcome_count; ++i) names.append(outcome_name(static_cast<Outcome>(i)));
  m.attr("outcomes") = py::tuple(names);
}

}  // namespace fastcore::python
