// An engine to bytes and back, whole or by the symbol.
#include <algorithm>

#include "fastcore/engine/engine.hpp"
#include "fastcore/engine/log.hpp"
#include "fastcore/engine/saved_symbol.hpp"
#include "fastcore/text.hpp"

namespace fastcore {

namespace {

SavedPlan load_plan(const SnapshotReader& snapshot) {
  SavedPlan saved;
  snapshot.load("plan", saved);
  saved.check(snapshot.schemas().size());
  return saved;
}

}  // namespace

struct Engine::Self {
  Options options;
  std::uint64_t sequence = 0;
  bool in_history = false;
  Ledger unplaced;
  template <class Archive>
  void state(Archive& archive) {
    options.state(archive);
    archive("sequence", sequence);
    archive("in_history", in_history);
    archive("unplaced", unplaced);
  }
};

std::string Engine::snapshot(bool history) {
  SnapshotWriter out(SnapshotKind::engine);
  Self self{options_, sequence(), in_history_, unplaced_};
  out.record("engine", self);
  write_symbols(out, symbols_, history);
  return out.finish();
}

std::string Engine::snapshot_symbol(const std::shared_ptr<Symbol>& symbol, bool history) const {
  SnapshotWriter out(SnapshotKind::symbol);
  write_symbols(out, {symbol}, history);
  return out.finish();
}

void Engine::write_symbols(SnapshotWriter& out, const std::vector<std::shared_ptr<Symbol>>& symbols,
                           bool history) const {
  SavedPlan saved = describe(*plan_, out.schemas());
  Symbol("", plan_, options_.policy, 0).describe_bars(saved, out.schemas());
  out.record("plan", saved);
  ByteWriter& bytes = out.begin("symbols");
  bytes.number(static_cast<std::uint32_t>(symbols.size()));
  for (const auto& symbol : symbols) {
    bytes.text(symbol->name());
    const std::size_t at = bytes.bytes().size();
    bytes.number(std::uint64_t{0});
    symbol->save(out.schemas(), bytes);
    bytes.number_at(at, static_cast<std::uint64_t>(bytes.bytes().size() - at - 8));
  }
  out.end();
  if (!history) return;
  ByteWriter& rows = out.begin("history");
  for (const auto& symbol : symbols) symbol->save_history(rows);
  out.end();
}

std::unique_ptr<Engine> Engine::restore(std::string_view bytes) {
  const SnapshotReader snapshot({SnapshotKind::engine}, bytes);
  const SavedPlan saved = load_plan(snapshot);
  std::unique_ptr<Engine> engine;
  try {
    engine = restore(snapshot, saved, specs_of(saved), {});
  } catch (const std::invalid_argument& error) {
    throw SnapshotError(std::string("the snapshot holds a plan that cannot be: ") + error.what());
  }
  if (!engine->cold().empty()) {
    const ColdColumn& first = engine->cold().front();
    throw SnapshotError("the snapshot cannot bring back " + quoted(engine->plan().columns()[first.column]) + ": " +
                        first.why);
  }
  return engine;
}

std::unique_ptr<Engine> Engine::restore(std::string_view bytes, std::vector<NodeSpec> plan, const Almanacs& almanacs) {
  const SnapshotReader snapshot({SnapshotKind::engine}, bytes);
  return restore(snapshot, load_plan(snapshot), std::move(plan), almanacs);
}

std::unique_ptr<Engine> Engine::restore(const SnapshotReader& snapshot, const SavedPlan& saved,
                                        std::vector<NodeSpec> plan, const Almanacs& almanacs) {
  Self self;
  snapshot.load("engine", self);
  check_saved_policy(self.options.policy);
  SymbolFit symbol_fit(snapshot, saved, fit(saved, snapshot.schemas(), std::move(plan), almanacs));
  std::unique_ptr<Engine> engine;
  try {
    engine.reset(new Engine(symbol_fit.plan().plan, self.options));
  } catch (const PlanError& error) {
    throw SnapshotError(std::string("the snapshot holds options that cannot be: ") + error.what());
  }
  engine->sequence_ = self.sequence;
  engine->unplaced_ = self.unplaced;
  engine->cold_ = symbol_fit.plan().cold;
  SavedSymbols symbols(snapshot, saved);
  const std::size_t most = self.options.max_symbols;
  if (most != 0 && symbols.count() > most) {
    throw SnapshotError("the snapshot holds " + std::to_string(symbols.count()) +
                        " symbols, more than its own max_symbols of " + std::to_string(most));
  }
  for (std::size_t left = symbols.count(); left > 0; --left) {
    SavedHistory history;
    const SavedSymbol one = symbols.next(history);
    if (engine->find(one.name) != nullptr)
      throw SnapshotError("the snapshot holds symbol " + quoted(one.name) + " twice");
    Symbol& symbol = *engine->symbol(one.name);
    symbol.load(one, symbol_fit);
    if (symbols.has_history()) symbol.load_history(history, symbols, symbol_fit);
  }
  symbols.finish();
  engine->in_history_ = self.in_history;
  return engine;
}

const std::shared_ptr<Symbol>& Engine::restore_symbol(std::string_view bytes) {
  if (log_ != nullptr) {
    throw JournalError(
        "a symbol cannot be restored into an engine with a journal, which would not hold what came "
        "before: restore it first, then attach the journal");
  }
  const SnapshotReader snapshot({SnapshotKind::symbol}, bytes);
  const SavedPlan saved = load_plan(snapshot);
  SymbolFit symbol_fit(snapshot, saved, fit(saved, snapshot.schemas(), plan_));
  SavedSymbols symbols(snapshot, saved);
  SavedHistory history;
  if (symbols.count() != 1) throw SnapshotError("the snapshot of a symbol holds " + std::to_string(symbols.count()));
  const SavedSymbol one = symbols.next(history);
  symbols.finish();
  const auto known = find(one.name);
  if (known != nullptr && known->ledger().received != 0) {
    throw SnapshotError("symbol " + quoted(one.name) + " has taken " + std::to_string(known->ledger().received) +
                        " ticks: drop it before it is restored");
  }
  // First into one that nobody sees, so that bytes that are refused on the way leave no trace.
  const auto load = [&](Symbol& symbol) {
    symbol.load(one, symbol_fit);
    if (symbols.has_history()) symbol.load_history(history, symbols, symbol_fit);
  };
  Symbol trial(one.name, plan_, options_.policy, options_.history);
  load(trial);
  const auto& symbol = this->symbol(one.name);
  load(*symbol);
  return symbol;
}

}  // namespace fastcore
