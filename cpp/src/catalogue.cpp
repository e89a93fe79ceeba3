// The catalogue: the families in the order in which people look for them.
#include "fastcore/catalogue.hpp"

#include "families.hpp"
#include "fastcore/operators.hpp"
#include "fastcore/user_function.hpp"

namespace fastcore {

const std::vector<CatalogueEntry>& catalogue() {
  static const std::vector<CatalogueEntry> all = [] {
    std::vector<CatalogueEntry> entries;
    add_averages(entries);
    add_smoothers(entries);
    add_bands(entries);
    add_stops(entries);
    add_oscillators(entries);
    add_stochastics(entries);
    add_turns(entries);
    add_directional(entries);
    add_cycle(entries);
    add_volatility(entries);
    add_volatilities(entries);
    add_volume(entries);
    add_profiles(entries);
    add_price(entries);
    add_statistics(entries);
    add_rolling(entries);
    add_risk(entries);
    add_levels(entries);
    add_short_candles(entries);
    add_long_candles(entries);
    add_time_windows(entries);
    add_book(entries);
    add_trades(entries);
    return entries;
  }();
  return all;
}

const Kernel* find_kernel(std::string_view name) noexcept {
  for (const auto* const list : {&catalogue(), &operators()}) {
    for (const CatalogueEntry& entry : *list) {
      if (name == entry.kernel->name) return entry.kernel;
    }
  }
  return find_function(name);
}

}  // namespace fastcore
