// Reading bar specs, and the sentences for what is none.
#include "fastcore/bars/bar_spec.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <string_view>

#include "fastcore/check.hpp"
#include "fastcore/text.hpp"

namespace fastcore {

namespace {

constexpr const char* forms =
    "; the forms are '5m' with ms, s, m, h or d, '1h@+30m', '1d@America/New_York', '100tick', '50vol', '1e6value', "
    "'range:5', 'renko:10', 'tick_imbalance:100', 'vol_runs:adaptive:500', and '5m from 1m', '10bar from 100tick', "
    "'heikin_ashi from 1m'";

[[noreturn]] void refuse(const std::string& text, const std::string& why) {
  throw PlanError("bar spec " + quoted(text) + " " + why + forms);
}

constexpr std::int64_t longest_span = std::numeric_limits<std::int64_t>::max() / 4;
constexpr std::int64_t most_counted = 1'000'000'000'000'000;

/// A whole number above 0 and a unit of time; 0 for anything else.
std::int64_t span_or_zero(std::string_view text) {
  struct Unit {
    std::string_view name;
    std::int64_t ns;
  };
  static constexpr Unit units[] = {{"ms", 1'000'000},
                                   {"s", 1'000'000'000},
                                   {"m", 60'000'000'000},
                                   {"h", 3'600'000'000'000},
                                   {"d", 86'400'000'000'000}};
  std::int64_t count = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  const std::string_view unit(rest, static_cast<std::size_t>(end - rest));
  if (error != std::errc() || count <= 0) return 0;
  for (const Unit& one : units) {
    if (unit == one.name && count <= longest_span / one.ns) return count * one.ns;
  }
  return 0;
}

/// A number at the beginning of a text, which is then cut off; NaN for none.
double leading_number(std::string_view& text) {
  double value = 0.0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || text.empty() || text[0] == 'i' || text[0] == 'n') return quiet_nan;
  text.remove_prefix(static_cast<std::size_t>(rest - text.data()));
  return value;
}

std::int64_t counted(const std::string& text, double value, const char* what) {
  if (!(value >= 1.0) || value != std::floor(value) || value > static_cast<double>(most_counted))
    refuse(text, std::string("must have a whole number of ") + what + " above 0, not " + plain(value));
  return static_cast<std::int64_t>(value);
}

double threshold(const std::string& text, double value) {
  if (!(value > 0.0) || !std::isfinite(value)) refuse(text, "must have a threshold above 0, not " + plain(value));
  return value;
}

/// The number that is the whole rest of a text.
double whole_number(const std::string& text, std::string_view rest) {
  const double value = leading_number(rest);
  if (std::isnan(value) || !rest.empty()) refuse(text, "has no number behind its colon");
  return value;
}

/// "5m", with what follows an '@': a time zone or calendar, a shift by "+30m", or both.
bool read_time(const std::string& text, std::string_view body, BarSpec& spec) {
  const std::size_t at = body.find('@');
  spec.span = span_or_zero(body.substr(0, at));
  if (spec.span == 0) return false;
  spec.kind = BarKind::time;
  if (at == std::string_view::npos) return true;
  std::string_view anchor = body.substr(at + 1);
  const std::size_t plus = anchor.rfind('+');
  if (plus != std::string_view::npos) {
    const std::int64_t origin = span_or_zero(anchor.substr(plus + 1));
    if (origin > 0) {
      if (origin >= spec.span) refuse(text, "has an origin that is not less than its span");
      spec.origin = origin;
      anchor = anchor.substr(0, plus);
    }
  }
  if (anchor.empty() && spec.origin == 0) refuse(text, "has nothing behind its '@'");
  const bool named = std::all_of(anchor.begin(), anchor.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '/' || c == '+';
  });
  if (!named) refuse(text, "has an '@' without a time zone, a calendar or a shift behind it");
  spec.anchor = anchor;
  return true;
}

/// "100tick", "10bar", "50vol", "1e6value".
bool read_amount(const std::string& text, std::string_view body, BarSpec& spec) {
  const double value = leading_number(body);
  if (std::isnan(value)) return false;
  if (body == "tick" || body == "bar") {
    spec.kind = BarKind::count;
    spec.measure = body == "tick" ? Measure::ticks : Measure::volume;
    spec.threshold = static_cast<double>(counted(text, value, body == "tick" ? "ticks" : "bars"));
    return true;
  }
  if (body != "vol" && body != "value") return false;
  spec.kind = BarKind::amount;
  spec.measure = body == "vol" ? Measure::volume : Measure::value;
  spec.threshold = threshold(text, value);
  return true;
}

/// "range:5", "renko:10", "tick_imbalance:100", "vol_runs:adaptive:500:20".
bool read_named(const std::string& text, std::string_view body, BarSpec& spec) {
  struct Named {
    std::string_view name;
    BarKind kind;
    Measure measure;
  };
  static constexpr Named all[] = {{"range", BarKind::range, Measure::ticks},
                                  {"renko", BarKind::renko, Measure::ticks},
                                  {"tick_imbalance", BarKind::imbalance, Measure::ticks},
                                  {"vol_imbalance", BarKind::imbalance, Measure::volume},
                                  {"value_imbalance", BarKind::imbalance, Measure::value},
                                  {"tick_runs", BarKind::runs, Measure::ticks},
                                  {"vol_runs", BarKind::runs, Measure::volume},
                                  {"value_runs", BarKind::runs, Measure::value}};
  const std::size_t colon = body.find(':');
  const auto* const found =
      std::find_if(std::begin(all), std::end(all), [&](const Named& one) { return one.name == body.substr(0, colon); });
  if (found == std::end(all) || colon == std::string_view::npos) return false;
  spec.kind = found->kind;
  spec.measure = found->measure;
  std::string_view rest = body.substr(colon + 1);
  const bool flow = spec.kind == BarKind::imbalance || spec.kind == BarKind::runs;
  constexpr std::string_view adaptive = "adaptive:";
  if (!flow || rest.substr(0, adaptive.size()) != adaptive) {
    spec.threshold = threshold(text, whole_number(text, rest));
    return true;
  }
  rest.remove_prefix(adaptive.size());
  const std::size_t second = rest.find(':');
  spec.expected = counted(text, whole_number(text, rest.substr(0, second)), "ticks expected");
  spec.memory = 20;
  if (second != std::string_view::npos)
    spec.memory = counted(text, whole_number(text, rest.substr(second + 1)), "bars to average over");
  return true;
}

/// Spans of time that are made from spans of time end where those do.
void check_source(const std::string& text, const BarSpec& spec, const BarSpec& source) {
  if (spec.kind != BarKind::time || source.kind != BarKind::time) return;
  const bool whole = spec.span % source.span == 0 && (spec.origin - source.origin) % source.span == 0;
  if (!whole || spec.anchor != source.anchor)
    refuse(text, "has spans that do not begin and end where those of " + quoted(spec.source) + " do");
}

std::string shortest(double value) {
  char text[32];
  const auto [end, error] = std::to_chars(text, text + sizeof text, value);
  return error == std::errc() ? std::string(text, end) : plain(value);
}

}  // namespace

BarSpec parse_bar_spec(const std::string& text) {
  BarSpec spec;
  std::string_view body = text;
  constexpr std::string_view from = " from ";
  const std::size_t at = body.find(from);
  if (at != std::string_view::npos) {
    spec.source = body.substr(at + from.size());
    body = body.substr(0, at);
  }
  if (body == "heikin_ashi") {
    spec.kind = BarKind::heikin_ashi;
  } else if (!read_time(text, body, spec) && !read_amount(text, body, spec) && !read_named(text, body, spec)) {
    refuse(text, "is none");
  }
  const bool of_bars =
      spec.kind == BarKind::heikin_ashi || (spec.kind == BarKind::count && spec.measure != Measure::ticks);
  const bool either = spec.kind == BarKind::time || spec.kind == BarKind::amount;
  if (spec.source.empty() && of_bars) refuse(text, "is made from other bars, which are to be named");
  if (!spec.source.empty()) {
    if (!of_bars && !either) refuse(text, "is made from ticks, not from bars");
    check_source(text, spec, parse_bar_spec(spec.source));
  }
  return spec;
}

std::string BarSpec::identity() const {
  static constexpr const char* measures[] = {"tick", "vol", "value"};
  const std::string measured = measures[static_cast<std::size_t>(measure)];
  const std::string limit =
      expected == 0 ? shortest(threshold) : "adaptive:" + std::to_string(expected) + ":" + std::to_string(memory);
  std::string own;
  switch (kind) {
    case BarKind::time:
      own = std::to_string(span) + "ns";
      if (!anchor.empty() || origin != 0) own += "@" + anchor;
      if (origin != 0) own += "+" + std::to_string(origin) + "ns";
      break;
    case BarKind::count: own = limit + (measure == Measure::ticks ? "tick" : "bar"); break;
    case BarKind::amount: own = limit + measured; break;
    case BarKind::range: own = "range:" + limit; break;
    case BarKind::renko: own = "renko:" + limit; break;
    case BarKind::imbalance: own = measured + "_imbalance:" + limit; break;
    case BarKind::runs: own = measured + "_runs:" + limit; break;
    case BarKind::heikin_ashi: own = "heikin_ashi"; break;
  }
  return source.empty() ? own : own + " from " + parse_bar_spec(source).identity();
}

std::vector<std::string> anchors_of(const std::string& text) {
  std::vector<std::string> all;
  for (std::string rest = text; !rest.empty();) {
    BarSpec spec = parse_bar_spec(rest);
    if (!spec.anchor.empty()) all.push_back(std::move(spec.anchor));
    rest = std::move(spec.source);
  }
  return all;
}

std::int64_t parse_span(const std::string& text) {
  const std::int64_t span = span_or_zero(text);
  if (span > 0) return span;
  throw PlanError("bar spec " + quoted(text) +
                  " is not a whole number above 0 and one of ms, s, m, h, d, such as '5m'");
}

std::string clock_identity(const std::string& text) {
  if (text.empty()) return text;
  try {
    return parse_bar_spec(text).identity();
  } catch (const PlanError&) {
    return text;
  }
}

}  // namespace fastcore
