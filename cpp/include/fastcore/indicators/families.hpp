// The catalogue: every indicator is one line in one of these lists. The lists are all that bindings,
// benchmarks and tools know of it.
#pragma once

#include "fastcore/indicators/adx.hpp"
#include "fastcore/indicators/atr.hpp"
#include "fastcore/indicators/bbands.hpp"
#include "fastcore/indicators/candles/more_bars.hpp"
#include "fastcore/indicators/candles/one_bar.hpp"
#include "fastcore/indicators/candles/three_bars.hpp"
#include "fastcore/indicators/candles/two_bars.hpp"
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

using CandlesOfOne =
    TypeList<candle::BeltHold, candle::ClosingMarubozu, candle::Doji, candle::DragonflyDoji, candle::GravestoneDoji,
             candle::HighWave, candle::LongLeggedDoji, candle::LongLine, candle::Marubozu, candle::RickshawMan,
             candle::ShortLine, candle::SpinningTop, candle::Takuri>;
using CandlesOfTwo =
    TypeList<candle::Counterattack, candle::DarkCloudCover, candle::DojiStar, candle::Engulfing, candle::Hammer,
             candle::HangingMan, candle::Harami, candle::HaramiCross, candle::HomingPigeon, candle::InNeck,
             candle::InvertedHammer, candle::Kicking, candle::KickingByLength, candle::MatchingLow, candle::OnNeck,
             candle::Piercing, candle::SeparatingLines, candle::ShootingStar, candle::Thrusting>;
using CandlesOfThree =
    TypeList<candle::TwoCrows, candle::ThreeInside, candle::ThreeOutside, candle::ThreeStarsInSouth,
             candle::ThreeWhiteSoldiers, candle::AbandonedBaby, candle::AdvanceBlock, candle::EveningDojiStar,
             candle::EveningStar, candle::GapSideSideWhite, candle::IdenticalThreeCrows, candle::MorningDojiStar,
             candle::MorningStar, candle::StalledPattern, candle::StickSandwich, candle::TasukiGap, candle::Tristar,
             candle::UniqueThreeRiver, candle::UpsideGapTwoCrows, candle::GapThreeMethods>;
using CandlesOfMore = TypeList<candle::ThreeBlackCrows, candle::ThreeLineStrike, candle::ConcealingBabySwallow,
                               candle::Breakaway, candle::LadderBottom, candle::MatHold, candle::RiseFallThreeMethods,
                               candle::Hikkake, candle::ModifiedHikkake>;

using Catalogue = Concat<Overlap, Momentum, Volatility, Volume, Statistics, CandlesOfOne, CandlesOfTwo, CandlesOfThree,
                         CandlesOfMore>;
static_assert(names_are_unique(Catalogue{}), "two indicators have the same name");

}  // namespace fastcore
