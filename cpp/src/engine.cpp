// Symbols by name, and batches.
#include "fastcore/engine/engine.hpp"

#include <algorithm>
#include <cstring>

#include "fastcore/engine/log.hpp"

namespace fastcore {

namespace {

/// Ticks that a policy holds back are kept as ticks: of a quote nothing but its mid would come out.
void check_quotes(const Plan& plan, const Policy& policy) {
  if (!plan.reads_quotes() ||
      (policy.order != OrderRule::buffer && policy.order != OrderRule::revise && policy.jumps == 0.0))
    return;
  throw PlanError(
      "indicators of quotes need a policy that holds no ticks back: no order='buffer' or 'revise', no jumps; the plan has "
      "inputs such as bid");
}

}  // namespace

Engine::Engine(std::vector<NodeSpec> specs, const Options& options, const Almanacs& almanacs)
    : Engine(std::make_shared<const Plan>(std::move(specs), std::vector<const Kernel*>(), almanacs), options) {}

Engine::Engine(std::shared_ptr<const Plan> plan, const Options& options) : plan_(std::move(plan)), options_(options) {
  for (auto& one : latencies_) one = std::make_shared<PlacedHistogram>();
  if (options.history > most_history) {
    throw PlanError("history must be from 0 to " + std::to_string(most_history) + " rows, not " +
                    std::to_string(options.history));
  }
  check_policy(options.policy);
  check_quotes(*plan_, options.policy);
  if (options.max_symbols > most_symbols) {
    throw PlanError("max_symbols must be at most " + std::to_string(most_symbols) + ", not " +
                    std::to_string(options.max_symbols));
  }
}

Engine::~Engine() { detach(); }

void Engine::attach(std::shared_ptr<JournalWriter> journal) {
  log_ = std::make_unique<EngineLog>(*this, std::move(journal));
}

void Engine::detach() noexcept {
  sequence_ = sequence();
  for (const auto& symbol : symbols_) symbol->set_log_number(no_symbol);
  log_.reset();
}

std::uint64_t Engine::sequence() const noexcept { return log_ == nullptr ? sequence_ : log_->sequence(); }

namespace {

/// What comes after a call that logs.
void require(bool logged, const EngineLog& log) {
  if (!logged) throw JournalError(log.failure());
}

}  // namespace

const std::shared_ptr<Symbol>& Engine::symbol(const std::string& name, const Policy* policy) {
  const auto found = by_name_.find(name);
  if (found != by_name_.end()) return found->second;
  if (options_.max_symbols != 0 && symbols_.size() >= options_.max_symbols) {
    throw CapacityError("symbol '" + name + "' would be number " + std::to_string(symbols_.size() + 1) +
                        ", but max_symbols is " + std::to_string(options_.max_symbols) + "; drop one first");
  }
  if (policy != nullptr) check_quotes(*plan_, *policy);
  auto made = std::make_shared<Symbol>(name, plan_, policy == nullptr ? options_.policy : *policy, options_.history);
  if (log_ != nullptr) require(log_->make(*made, policy), *log_);
  if (in_history_) made->begin_history();
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
  if (log_ != nullptr) require(log_->drop(*found->second), *log_);
  found->second->set_log_number(no_symbol);
  found->second->flush();  // what is held would end in no bucket
  unplaced_ += found->second->ledger();
  symbols_.erase(std::find(symbols_.begin(), symbols_.end(), found->second));
  by_name_.erase(found);
  return true;
}

Outcome Engine::take_sampled(Symbol& symbol, const Tick& tick, Stage call) const noexcept {
  Histogram& whole = latency(call)->get();
  if (calls_ / sampling % 4 != 0) {
    const std::uint64_t before = StageProbe::now();
    const Outcome outcome = symbol.on_tick(tick);
    whole.record(StageProbe::now() - before);
    return outcome;
  }
  StageProbe probe;
  const Outcome outcome = symbol.on_tick(tick, probe);
  for (const Stage part : {Stage::validate, Stage::bars, Stage::indicators}) {
    if (probe.entered(part)) latency(part)->get().record(probe.spent(part));
  }
  whole.record(probe.total());
  return outcome;
}

std::size_t Engine::on_ticks(const Tick* ticks, std::size_t count, const std::vector<Symbol*>& table, double* rows,
                             std::uint8_t* outcomes) {
  if (log_ != nullptr) require(log_->ticks(ticks, count, table), *log_);
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
      outcome = take_sampled(*symbol, tick, Stage::on_ticks);
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

namespace {

/// Symbols whose bars go through their nodes side by side: as many as the first cache holds the cells of.
struct Tile {
  static constexpr std::size_t most = 32;

  std::size_t count = 0;
  Symbol* symbols[most];
  std::byte* blocks[most];
  Bar bars[most];
  std::uint64_t received[most];

  void run(std::size_t clock, const Plan& plan) noexcept {
    plan.step_across(clock, blocks, count);
    for (std::size_t i = 0; i < count; ++i) symbols[i]->end_bar(clock, bars[i], received[i]);
    count = 0;
  }
};

}  // namespace

std::size_t Engine::on_bars(std::size_t clock, const std::vector<Symbol*>& symbols, const CrossSection& bars) {
  if (log_ != nullptr) require(log_->bars(plan_->clocks()[clock].text, symbols, bars), *log_);
  const Span span = plan_->clocks()[clock].grid.at(bars.ts);
  if (step_columns(clock, symbols, bars, span)) return symbols.size();
  std::size_t accepted = 0;
  Tile tile;
  for (std::size_t i = 0; i < symbols.size(); ++i) {
    Symbol& symbol = *symbols[i];
    if (i + 8 < symbols.size()) symbols[i + 8]->expect();
    if (i + 4 < symbols.size()) symbols[i + 4]->expect_bar(clock);
    Bar& bar = tile.bars[tile.count] = bars.at(i);
    // The second bar of a symbol that comes twice is a duplicate by now, whether the first is through or not.
    if (!symbol.begin_bar(clock, span, bar)) continue;
    tile.symbols[tile.count] = &symbol;
    tile.blocks[tile.count] = symbol.block()->data();
    tile.received[tile.count++] = symbol.ledger().received;
    ++accepted;
    if (tile.count == Tile::most) tile.run(clock, *plan_);
  }
  tile.run(clock, *plan_);
  consider_columns(clock, symbols, bars, accepted == symbols.size());
  return accepted;
}

bool Engine::on_plain_bars(std::size_t clock, const CrossSection& bars) noexcept {
  return log_ == nullptr && columns_ != nullptr && columns_->holds_all(clock, symbols_.size()) &&
         columns_->step(plan_->clocks()[clock].grid.at(bars.ts), bars);
}

std::size_t Engine::on_bars(std::size_t clock, const CrossSection& bars) {
  // Naming a thousand symbols takes as long as stepping two indicators of each (bench `on_bars.recursive`).
  if (on_plain_bars(clock, bars)) return symbols_.size();
  std::vector<Symbol*> all;
  all.reserve(symbols_.size());
  for (const auto& symbol : symbols_) all.push_back(symbol.get());
  return on_bars(clock, all, bars);
}

/// Whether the bars went through columns. Where they cannot, who was in columns comes home; who left them soon waits
/// longer until the next time, so that going to and fro costs little.
bool Engine::step_columns(std::size_t clock, const std::vector<Symbol*>& symbols, const CrossSection& bars,
                          const Span& span) noexcept {
  if (columns_ == nullptr || columns_->watching()) return false;
  if (columns_->holds(clock, symbols) && columns_->step(span, bars)) return true;
  patience_ = columns_->steps() < 16 ? std::min(2 * patience_, most_patience) : least_patience;
  columns_.reset();
  return false;
}

bool Engine::is_everybody(const std::vector<Symbol*>& symbols) const noexcept {
  return std::equal(symbols.begin(), symbols.end(), symbols_.begin(), symbols_.end(),
                    [](const Symbol* one, const auto& own) { return one == own.get(); });
}

/// After bars that the symbols took on their own. Columns watch the last of them before they take the states in.
void Engine::consider_columns(std::size_t clock, const std::vector<Symbol*>& symbols, const CrossSection& bars,
                              bool all_taken) {
  if (!all_taken || clock != last_clock_ || symbols != last_across_) {
    calls_alike_ = 0;
    columns_.reset();
    last_clock_ = clock;
    last_across_ = all_taken ? symbols : std::vector<Symbol*>();
  }
  if (!all_taken || ++calls_alike_ + series_rows <= patience_) return;
  if (columns_ == nullptr) columns_ = StateColumns::of(*plan_, clock, symbols, is_everybody(symbols));
  if (columns_ != nullptr && !columns_->watch(bars)) return;
  calls_alike_ = 0;
  if (columns_ != nullptr && columns_->take()) return;
  columns_.reset();
  patience_ = std::min(2 * patience_, most_patience);
}

Ledger Engine::ledger() const noexcept {
  Ledger total = unplaced_;
  for (const auto& symbol : symbols_) total += symbol->ledger();
  return total;
}

void Engine::flush() {
  if (log_ != nullptr) require(log_->mark(RecordKind::flush), *log_);
  for (const auto& symbol : symbols_) symbol->flush();
}

void Engine::begin_history() {
  if (log_ != nullptr) require(log_->mark(RecordKind::history), *log_);
  in_history_ = true;
  for (const auto& symbol : symbols_) symbol->begin_history();
}

void Engine::go_live() {
  if (log_ != nullptr) require(log_->mark(RecordKind::live), *log_);
  in_history_ = false;
  for (const auto& symbol : symbols_) symbol->go_live();
}

void Engine::on_time(std::int64_t ts) {
  if (log_ != nullptr) require(log_->time(nullptr, ts), *log_);
  for (const auto& symbol : symbols_) symbol->on_time(ts);
}

void Engine::on_gap(Gap gap) {
  if (log_ != nullptr) require(log_->gap(nullptr, gap), *log_);
  for (const auto& symbol : symbols_) symbol->on_gap(gap);
}

std::size_t Engine::memory() const noexcept {
  std::size_t bytes = sizeof(Engine);
  for (const auto& symbol : symbols_) bytes += symbol->memory();
  if (columns_ != nullptr) bytes += columns_->memory();
  return bytes;
}

}  // namespace fastcore
