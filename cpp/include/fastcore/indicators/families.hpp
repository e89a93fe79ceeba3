// The catalogue: every indicator is one line in one of these lists. The lists are all that bindings,
// benchmarks and tools know of it.
#pragma once

#include "fastcore/indicators/adx.hpp"
#include "fastcore/indicators/atr.hpp"
#include "fastcore/indicators/bbands.hpp"
#include "fastcore/indicators/cci.hpp"
#include "fastcore/indicators/dema.hpp"
#include "fastcore/indicators/donchian.hpp"
#include "fastcore/indicators/ema.hpp"
#include "fastcore/indicators/hma.hpp"
#include "fastcore/indicators/kama.hpp"
#include "fastcore/indicators/linearreg.hpp"
#include "fastcore/indicators/macd.hpp"
#include "fastcore/indicators/mfi.hpp"
#include "fastcore/indicators/mom.hpp"
#include "fastcore/indicators/obv.hpp"
#include "fastcore/indicators/rma.hpp"
#include "fastcore/indicators/roc.hpp"
#include "fastcore/indicators/rsi.hpp"
#include "fastcore/indicators/sma.hpp"
#include "fastcore/indicators/stddev.hpp"
#include "fastcore/indicators/stoch.hpp"
#include "fastcore/indicators/tema.hpp"
#include "fastcore/indicators/trange.hpp"
#include "fastcore/indicators/vwap.hpp"
#include "fastcore/indicators/willr.hpp"
#include "fastcore/indicators/wma.hpp"
#include "fastcore/indicators/zscore.hpp"
#include "fastcore/type_list.hpp"

namespace fastcore {

using Overlap = TypeList<Sma, Ema, Wma, Dema, Tema, Hma, Kama, Rma, Bbands, Donchian>;
using Momentum = TypeList<Macd, Rsi, Stoch, Willr, Cci, Roc, Mom, Adx>;
using Volatility = TypeList<Trange, Atr>;
using Volume = TypeList<Obv, Vwap, Mfi>;
using Statistics = TypeList<Stddev, Zscore, Linearreg>;

using Catalogue = Concat<Overlap, Momentum, Volatility, Volume, Statistics>;
static_assert(names_are_unique(Catalogue{}), "two indicators have the same name");

}  // namespace fastcore
