// Symbols by name, batches, and the engine's snapshot.
#include "fastcore/engine/engine.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <map>

#include "fastcore/engine/snapshot.hpp"

namespace fastcore {

Engine::Engine(std::vector<NodeSpec> specs, const Options& options)
    : plan_(std::make_shared<const Plan>(std::move(specs))), options_(options) {
  if (options.history > most_history) {
    throw PlanError("history must be from 0 to " + std::to_string(most_history) + " rows, not " +
                    std::to_string(options.history));
  }
  check_policy(options.policy);
  if (options.max_symbols > most_symbols) {
    throw PlanError("max_symbols must be at most " + std::to_string(most_symbols) + ", not " +
                    std::to_string(options.max_symbols));
  }
}

const std::shared_ptr<Symbol>& Engine::symbol(const std::string& name, const Policy* policy) {
  const auto found = by_name_.find(name);
  if (found != by_name_.end()) return found->second;
  if (options_.max_symbols != 0 && symbols_.size() >= options_.max_symbols) {
    throw CapacityError("symbol '" + name + "' would be number " + std::to_string(symbols_.size() + 1) +
                        ", but max_symbols is " + std::to_string(options_.max_symbols) + "; drop one first");
  }
  auto made = std::make_shared<Symbol>(name, plan_, policy == nullptr ? options_.policy : *policy, options_.history);
  symbols_.push_back(made);
  return by_name_.emplace(name, std::move(made)).first->second;
}

std::shared_ptr<Symbol> Engine::find(const std::string& name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
}

bool Engine::drop(const std::string& name) {
  const auto found = by_name_.find(name);
  if (found == by_name_.end()) return false;
  unplaced_ += found->second->ledger();
  symbols_.erase(std::find(symbols_.begin(), symbols_.end(), found->second));
  by_name_.erase(found);
  return true;
}

std::size_t Engine::on_ticks(const Tick* ticks, std::size_t count, const std::vector<Symbol*>& table, double* rows,
                             std::uint8_t* outcomes) noexcept {
  using Time = std::chrono::steady_clock;
  const std::size_t width = plan_->columns().size();
  std::size_t accepted = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const Tick& tick = ticks[i];
    Symbol* const symbol = tick.symbol < table.size() ? table[tick.symbol] : nullptr;
    Outcome outcome = Outcome::rejected;
    if (symbol == nullptr || tick.ts < earliest_ts) {
      if (symbol != nullptr) {
        symbol->reject();
      } else {
        ++unplaced_.received;
        unplaced_.count(outcome);
      }
    } else if (sample()) {
      const auto before = Time::now();
      outcome = symbol->on_tick(tick);
      batch_latency_.record(static_cast<std::uint64_t>(std::chrono::nanoseconds(Time::now() - before).count()));
    } else {
      outcome = symbol->on_tick(tick);
    }
    accepted += taken(outcome) ? 1 : 0;
    if (outcomes != nullptr) outcomes[i] = static_cast<std::uint8_t>(outcome);
    if (rows == nullptr) continue;
    double* const row = rows + i * width;
    if (symbol != nullptr) {
      std::memcpy(row, symbol->cells(), width * sizeof(double));
    } else {
      std::fill(row, row + width, quiet_nan);
    }
  }
  return accepted;
}

Ledger Engine::ledger() const noexcept {
  Ledger total = unplaced_;
  for (const auto& symbol : symbols_) total += symbol->ledger();
  return total;
}

void Engine::flush() noexcept {
  for (const auto& symbol : symbols_) symbol->flush();
}

std::size_t Engine::memory() const noexcept {
  std::size_t bytes = sizeof(Engine);
  for (const auto& symbol : symbols_) bytes += symbol->memory();
  return bytes;
}

std::string Engine::snapshot() {
  ByteWriter out;
  std::map<std::string, std::string> schemas;
  out.number(static_cast<std::uint64_t>(options_.history));
  out.number(static_cast<std::uint64_t>(options_.max_symbols));
  save_policy(options_.policy, out);
  out.number(static_cast<std::uint32_t>(plan_->specs().size()));
  for (const NodeSpec& spec : plan_->specs()) {
    out.text(spec.name);
    save_params(*spec.kernel, spec.params, out);
    out.text(spec.clock);
    out.number(static_cast<std::uint32_t>(spec.parents.size()));
    for (const std::string& parent : spec.parents) out.text(parent);
    schemas.emplace(spec.kernel->name, state_schema(*spec.kernel));
  }
  out.number(static_cast<std::uint32_t>(schemas.size()));
  for (const auto& [name, schema] : schemas) {
    out.text(name);
    out.text(schema);
  }
  StateSaver archive(out);
  archive("unplaced", unplaced_);
  out.number(static_cast<std::uint32_t>(symbols_.size()));
  for (const auto& symbol : symbols_) {
    out.text(symbol->name());
    save_policy(symbol->policy(), out);
    symbol->save(out);
  }
  return seal(SnapshotKind::engine, out.bytes());
}

namespace {

std::vector<NodeSpec> load_specs(ByteReader& in) {
  std::vector<NodeSpec> specs;
  for (std::size_t left = in.count(16); left > 0; --left) {
    NodeSpec spec;
    spec.name = in.text();
    spec.kernel = &load_params(in, spec.params);
    spec.clock = in.text();
    for (std::size_t parents = in.count(4); parents > 0; --parents) spec.parents.push_back(in.text());
    specs.push_back(std::move(spec));
  }
  return specs;
}

void check_schemas(ByteReader& in, const std::vector<NodeSpec>& specs) {
  std::map<std::string, std::string> stored;
  for (std::size_t left = in.count(8); left > 0; --left) {
    std::string name = in.text();
    stored[std::move(name)] = in.text();
  }
  for (const NodeSpec& spec : specs) {
    const auto found = stored.find(spec.kernel->name);
    if (found == stored.end() || found->second != state_schema(*spec.kernel)) {
      throw SnapshotError(std::string("the snapshot's state of ") + spec.kernel->name +
                          " has other fields than this fastcore's");
    }
  }
}

/// Format 1 has two rules, without names.
Policy load_two_rules(ByteReader& in) {
  const auto order = in.number<std::uint8_t>();
  const auto invalid = in.number<std::uint8_t>();
  if (order > static_cast<std::uint8_t>(OrderRule::accept) || invalid > static_cast<std::uint8_t>(InvalidRule::raise))
    throw SnapshotError("the snapshot holds a policy that this fastcore does not know");
  Policy policy;
  policy.order = static_cast<OrderRule>(order);
  policy.invalid = static_cast<InvalidRule>(invalid);
  return policy;
}

}  // namespace

std::unique_ptr<Engine> Engine::restore(std::string_view bytes) {
  std::uint32_t version = 0;
  ByteReader in(unseal(SnapshotKind::engine, bytes, &version));
  Options options;
  options.history = static_cast<std::size_t>(in.number<std::uint64_t>());
  options.max_symbols = static_cast<std::size_t>(in.number<std::uint64_t>());
  options.policy = version == 1 ? load_two_rules(in) : load_policy(in);
  auto specs = load_specs(in);
  check_schemas(in, specs);
  std::unique_ptr<Engine> engine;
  try {
    engine = std::make_unique<Engine>(std::move(specs), options);
  } catch (const std::invalid_argument& error) {
    throw SnapshotError(std::string("the snapshot holds a plan that cannot be: ") + error.what());
  }
  StateLoader archive(in, "the engine");
  archive("unplaced", engine->unplaced_);
  for (std::size_t left = in.count(4); left > 0; --left) {
    const std::string name = in.text();
    if (engine->find(name) != nullptr) throw SnapshotError("the snapshot holds symbol '" + name + "' twice");
    if (engine->options_.max_symbols != 0 && engine->symbols_.size() == engine->options_.max_symbols) {
      throw SnapshotError("the snapshot holds more symbols than its own max_symbols");
    }
    const Policy policy = version == 1 ? options.policy : load_policy(in);
    engine->symbol(name, &policy)->load(in);
  }
  if (in.left() != 0) throw SnapshotError("the snapshot has " + std::to_string(in.left()) + " bytes after its end");
  return engine;
}

}  // namespace fastcore
