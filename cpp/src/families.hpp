// One function per list of a family, each compiled on its own: about 0.2 s and 10 MB of compiler memory per
// indicator would be too much in one piece.
#pragma once

#include <type_traits>
#include <vector>

#include "fastcore/catalogue.hpp"
#include "fastcore/type_list.hpp"

namespace fastcore {

void add_averages(std::vector<CatalogueEntry>& all);
void add_bands(std::vector<CatalogueEntry>& all);
void add_oscillators(std::vector<CatalogueEntry>& all);
void add_stochastics(std::vector<CatalogueEntry>& all);
void add_directional(std::vector<CatalogueEntry>& all);
void add_cycle(std::vector<CatalogueEntry>& all);
void add_volatility(std::vector<CatalogueEntry>& all);
void add_volume(std::vector<CatalogueEntry>& all);
void add_price(std::vector<CatalogueEntry>& all);
void add_statistics(std::vector<CatalogueEntry>& all);
void add_rolling(std::vector<CatalogueEntry>& all);
void add_short_candles(std::vector<CatalogueEntry>& all);
void add_long_candles(std::vector<CatalogueEntry>& all);
void add_volatilities(std::vector<CatalogueEntry>& all);
void add_profiles(std::vector<CatalogueEntry>& all);
void add_smoothers(std::vector<CatalogueEntry>& all);
void add_stops(std::vector<CatalogueEntry>& all);
void add_turns(std::vector<CatalogueEntry>& all);
void add_risk(std::vector<CatalogueEntry>& all);
void add_levels(std::vector<CatalogueEntry>& all);
void add_time_windows(std::vector<CatalogueEntry>& all);
void add_book(std::vector<CatalogueEntry>& all);
void add_trades(std::vector<CatalogueEntry>& all);

/// Appends the kernels of a list, as members of that family.
template <class List>
void add_family(const char* name, std::vector<CatalogueEntry>& all) {
  for_each(List{}, [&](auto* type) { all.push_back({&kernel_of<std::remove_pointer_t<decltype(type)>>(), name}); });
}

}  // namespace fastcore
