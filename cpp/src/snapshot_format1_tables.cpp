// The indicators of format 1, and the schemas that followed from them.
#include "snapshot_format1.hpp"

#include <algorithm>
#include <initializer_list>
#include <iterator>

namespace fastcore::format1 {

namespace {

constexpr Indicator1 indicators[] = {
    {"SMA", "close", "sma", "window/s:period"},
    {"EMA", "close", "ema", "average~"},
    {"WMA", "close", "wma", "window/s:period"},
    {"DEMA", "close", "dema", "first~ second~"},
    {"TEMA", "close", "tema", "first~ second~ third~"},
    {"HMA", "close", "hma", "half.window/s:half whole.window/s:period last.window/s:root"},
    {"KAMA", "close", "kama", "rows:whole previous:real average:real lag.window:reals path/p:period"},
    {"RMA", "close", "rma", "average~"},
    {"BBANDS", "close", "upper middle lower", "window/s:period"},
    {"DONCHIAN", "high low", "upper middle lower", "range.highest/p:period range.lowest/p:period"},
    {"MACD", "close", "macd signal hist", "both~ signal~"},
    {"RSI", "close", "rsi", "begun:whole previous:real moves~"},
    {"STOCH", "high low close", "slowk slowd",
     "range.highest/p:fastk range.lowest/p:fastk slowk.window/s:slowk slowd.window/s:slowd"},
    {"WILLR", "high low close", "willr", "range.highest/p:period range.lowest/p:period"},
    {"CCI", "high low close", "cci", "window/s:period prices.window:reals"},
    {"ROC", "close", "roc", "lag.window:reals"},
    {"MOM", "close", "mom", "lag.window:reals"},
    {"ADX", "high low close", "adx plus_di minus_di",
     "rows:whole high:real low:real sums:real sums_minus:real sums_true:real range.close:real moves~ true~ average~"},
    {"TRANGE", "high low close", "trange", "close:real"},
    {"ATR", "high low close", "atr", "begun:whole range.close:real average~"},
    {"OBV", "close volume", "obv", "begun:whole close:real total:real"},
    {"VWAP", "high low close volume", "vwap", "values/p:period volumes/p:period"},
    {"MFI", "high low close volume", "mfi", "begun:whole previous:real rising/p:period falling/p:period"},
    {"STDDEV", "close", "stddev", "window/s:period"},
    {"ZSCORE", "close", "zscore", "window/s:period"},
    {"LINEARREG", "close", "linearreg", "window/s:period"},
};

constexpr std::pair<const char*, unsigned> sharing[] = {{"SMA", gives_mean},       {"WMA", gives_weighted},
                                                        {"BBANDS", gives_moments}, {"STDDEV", gives_moments},
                                                        {"ZSCORE", gives_moments}, {"LINEARREG", gives_weighted}};

}  // namespace

std::vector<std::string> words(std::string_view text) {
  std::vector<std::string> all;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    all.emplace_back(text.substr(at, end - at));
    at = end + 1;
  }
  return all;
}

const Indicator1& indicator_named(const std::string& name) {
  const auto* const found = std::find_if(std::begin(indicators), std::end(indicators),
                                         [&](const Indicator1& one) { return name == one.name; });
  if (found == std::end(indicators))
    throw SnapshotError("the snapshot holds a " + name + ", which no fastcore of format 1 had");
  return *found;
}

unsigned asks(const std::string& name) {
  for (const auto& [known, gives] : sharing) {
    if (name == known) return gives;
  }
  return 0;
}

int window_size(const std::string& what, const std::vector<SavedParam>& params) {
  const bool derived = what == "half" || what == "root";
  for (const SavedParam& param : params) {
    if (param.name != (derived ? "period" : what)) continue;
    if (what == "half") return static_cast<int>(param.value) / 2;
    if (what != "root") return static_cast<int>(param.value);
    int root = 1;
    while ((root + 1) * (root + 1) <= static_cast<int>(param.value)) ++root;
    return root;
  }
  throw SnapshotError("the snapshot holds an indicator without the parameter " + what);
}

std::string schema_1(const char* fields, const std::vector<SavedParam>& params) {
  std::string text = "finite_rows:whole ";
  const auto add = [&](const std::string& prefix, std::initializer_list<const char*> names) {
    for (const char* name : names) text.append(prefix).append(".").append(name).append(" ");
  };
  for (const std::string& field : words(fields)) {
    const std::size_t slash = field.find('/');
    if (field.back() == '~') {
      add(field.substr(0, field.size() - 1),
          {"seeding:whole", "rows:whole", "at:whole", "shift:reals", "sum:reals", "e:reals", "x:reals"});
    } else if (slash == std::string::npos) {
      text.append(field).append(" ");
    } else if (window_size(field.substr(slash + 3), params) < 8) {
      add(field.substr(0, slash), {"direct.window:reals"});
    } else {
      const std::string blocks = field.substr(0, slash) + ".blocks";
      add(blocks, {"filled:whole"});
      for (const char* part : {".prefix", ".middle", ".suffix", ".old"}) {
        if (field[slash + 1] == 's') add(blocks + part, {"shift:real"});
        add(blocks + part, {"sums:reals"});
      }
      add(blocks, {"current:reals", "mirrored:reals", "growing:reals", "shrinking:reals"});
    }
  }
  return text;
}

}  // namespace fastcore::format1
