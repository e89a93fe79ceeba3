// The catalogue: every indicator is one line in one of these lists. The lists are all that bindings,
// benchmarks and tools know of it. Each list is compiled on its own, in kernels_<list>.cpp; which family it
// belongs to is said there.
#pragma once

#include "fastcore/indicators/accbands.hpp"
#include "fastcore/indicators/adx.hpp"
#include "fastcore/indicators/alligator.hpp"
#include "fastcore/indicators/anchored.hpp"
#include "fastcore/indicators/ao.hpp"
#include "fastcore/indicators/apo.hpp"
#include "fastcore/indicators/aroon.hpp"
#include "fastcore/indicators/atr.hpp"
#include "fastcore/indicators/avgdev.hpp"
#include "fastcore/indicators/bbands.hpp"
#include "fastcore/indicators/blau.hpp"
#include "fastcore/indicators/bodies.hpp"
#include "fastcore/indicators/book/ofi.hpp"
#include "fastcore/indicators/book/quotes.hpp"
#include "fastcore/indicators/bop.hpp"
#include "fastcore/indicators/candles/more_bars.hpp"
#include "fastcore/indicators/candles/one_bar.hpp"
#include "fastcore/indicators/candles/three_bars.hpp"
#include "fastcore/indicators/candles/two_bars.hpp"
#include "fastcore/indicators/cci.hpp"
#include "fastcore/indicators/chande_kroll.hpp"
#include "fastcore/indicators/changes.hpp"
#include "fastcore/indicators/channels.hpp"
#include "fastcore/indicators/clouds.hpp"
#include "fastcore/indicators/correl.hpp"
#include "fastcore/indicators/crsi.hpp"
#include "fastcore/indicators/cycle.hpp"
#include "fastcore/indicators/dema.hpp"
#include "fastcore/indicators/directional.hpp"
#include "fastcore/indicators/donchian.hpp"
#include "fastcore/indicators/ema.hpp"
#include "fastcore/indicators/extremum_index.hpp"
#include "fastcore/indicators/flows.hpp"
#include "fastcore/indicators/ha.hpp"
#include "fastcore/indicators/hma.hpp"
#include "fastcore/indicators/jma.hpp"
#include "fastcore/indicators/kama.hpp"
#include "fastcore/indicators/kvo.hpp"
#include "fastcore/indicators/levels/lsma_bands.hpp"
#include "fastcore/indicators/levels/pivots.hpp"
#include "fastcore/indicators/levels/profile.hpp"
#include "fastcore/indicators/levels/zigzag.hpp"
#include "fastcore/indicators/linearreg.hpp"
#include "fastcore/indicators/ma.hpp"
#include "fastcore/indicators/macd.hpp"
#include "fastcore/indicators/macdext.hpp"
#include "fastcore/indicators/mama.hpp"
#include "fastcore/indicators/mfi.hpp"
#include "fastcore/indicators/midpoint.hpp"
#include "fastcore/indicators/mom.hpp"
#include "fastcore/indicators/obv.hpp"
#include "fastcore/indicators/order.hpp"
#include "fastcore/indicators/prices.hpp"
#include "fastcore/indicators/qqe.hpp"
#include "fastcore/indicators/ranges.hpp"
#include "fastcore/indicators/regression.hpp"
#include "fastcore/indicators/risk/ratios.hpp"
#include "fastcore/indicators/risk/shapes.hpp"
#include "fastcore/indicators/rma.hpp"
#include "fastcore/indicators/roc.hpp"
#include "fastcore/indicators/rocp.hpp"
#include "fastcore/indicators/rocr.hpp"
#include "fastcore/indicators/rocr100.hpp"
#include "fastcore/indicators/rolling.hpp"
#include "fastcore/indicators/rsi.hpp"
#include "fastcore/indicators/sar.hpp"
#include "fastcore/indicators/sma.hpp"
#include "fastcore/indicators/smoothers.hpp"
#include "fastcore/indicators/squeeze.hpp"
#include "fastcore/indicators/stc.hpp"
#include "fastcore/indicators/stddev.hpp"
#include "fastcore/indicators/stoch.hpp"
#include "fastcore/indicators/stochastics.hpp"
#include "fastcore/indicators/straightness.hpp"
#include "fastcore/indicators/t3.hpp"
#include "fastcore/indicators/tema.hpp"
#include "fastcore/indicators/time/windows.hpp"
#include "fastcore/indicators/trades/activity.hpp"
#include "fastcore/indicators/trades/impact.hpp"
#include "fastcore/indicators/trades/sides.hpp"
#include "fastcore/indicators/trades/spreads.hpp"
#include "fastcore/indicators/trange.hpp"
#include "fastcore/indicators/trends.hpp"
#include "fastcore/indicators/trima.hpp"
#include "fastcore/indicators/turning.hpp"
#include "fastcore/indicators/ultosc.hpp"
#include "fastcore/indicators/var.hpp"
#include "fastcore/indicators/volatilities.hpp"
#include "fastcore/indicators/volumes.hpp"
#include "fastcore/indicators/vortex.hpp"
#include "fastcore/indicators/vwap.hpp"
#include "fastcore/indicators/vwma.hpp"
#include "fastcore/indicators/willr.hpp"
#include "fastcore/indicators/wma.hpp"
#include "fastcore/indicators/zlema.hpp"
#include "fastcore/indicators/zscore.hpp"
#include "fastcore/type_list.hpp"

namespace fastcore {

using Averages = TypeList<Sma, Ema, Wma, Dema, Tema, Trima, Hma, Kama, Rma, Zlema, T3, Mama, Vwma, Ma>;
using Bands = TypeList<Bbands, Donchian, Accbands, Kc, Supertrend, Sar, Sarext, Midpoint, Midprice, HtTrendline>;
using Oscillators = TypeList<Macd, Macdext, Macdfix, Apo, Ppo, Rsi, Cmo, Cmou, Stoch, Willr, Cci, Ao, Ac, Bop>;
using Stochastics =
    TypeList<Stochf, Stochrsi, Kdj, Tsi, Smi, Ultosc, Trix, Coppock, Dpo, Eri, Fosc, Imi, Qstick, Fractal>;
using Directional = TypeList<Roc, Rocp, Rocr, Rocr100, Mom, Adx, Adxr, Dx, PlusDi, MinusDi, PlusDm, MinusDm, Aroon,
                             Aroonosc, Vortex, Er, Vhf>;
using Cycle = TypeList<HtDcperiod, HtDcphase, HtPhasor, HtSine, HtTrendmode>;
using Volatility = TypeList<Trange, Atr, Natr, Adr, Cvi, Massi, Rvi>;
using Volume = TypeList<Obv, Vwap, Avwap, Mfi, Pvo, Ad, Adosc, Cmf, Efi, Marketfi, Nvi, Pvi, Pvt, Rvol, Wad>;
using Price = TypeList<Avgprice, Medprice, Typprice, Wclprice, Ha>;
using Statistics = TypeList<Stddev, Var, Avgdev, Zscore, Correl, Cov, Beta, Linearreg, LinearregSlope,
                            LinearregIntercept, LinearregAngle, Tsf>;
using Rolling =
    TypeList<Min, Max, Minmax, Minindex, Maxindex, Minmaxindex, RollingSum, Median, Quantile, Percentile, Percentrank>;

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

using TimeWindows = TypeList<TimeSum, TimeMean, TimeStd, TimeMin, TimeMax, TimeVwap, TimeCount>;
using Book = TypeList<Mid, Microprice, QuotedSpread, QueueImbalance, Ofi>;
using Trades = TypeList<TickRule, LeeReady, EffectiveSpread, RealisedSpread, KyleLambda, Amihud, Vpin, TradeIntensity,
                        RealisedVar, Bipower>;
using Volatilities = TypeList<HistVol, Parkinson, GarmanKlass, RogersSatchell, YangZhang>;
using Smoothers = TypeList<Alma, McGinley, Vidya, Frama, SuperSmoother, Jma, Alligator>;
using Stops = TypeList<Ichimoku, Chandelier, ChandeKroll, PercentB, Bandwidth>;
using Turns = TypeList<Kst, Fisher, Rvgi, Crsi, Stc, Qqe, Squeeze, Chop, Ulcer, Eom>;
using Profiles = TypeList<Kvo, SessionVwap, AnchoredVwap, VolumeProfile>;
using Risk = TypeList<Skew, Kurtosis, Entropy, Hurst, Sharpe, Sortino, MaxDrawdown>;
using Levels = TypeList<Pivots, PivotsFibonacci, PivotsCamarilla, PivotsWoodie, PivotsDemark, LsmaBands, ZigZag>;

using Catalogue = Concat<Averages, Smoothers, Bands, Stops, Oscillators, Stochastics, Turns, Directional, Cycle,
                         Volatility, Volatilities, Volume, Profiles, Price, Statistics, Rolling, Risk, Levels,
                         CandlesOfOne, CandlesOfTwo, CandlesOfThree, CandlesOfMore, TimeWindows, Book, Trades>;
static_assert(names_are_unique(Catalogue{}), "two indicators have the same name");

}  // namespace fastcore
