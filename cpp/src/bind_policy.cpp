// Rules by their names in Python.
#include "bind_policy.hpp"

#include <initializer_list>
#include <string>
#include <utility>

#include "errors.hpp"
#include "fastcall.hpp"
#include "fastcore/engine/plan.hpp"

namespace py = pybind11;

namespace fastcore::python {

namespace {

template <class Rule>
Rule rule_named(const py::object& rules, const char* what, std::initializer_list<std::pair<const char*, Rule>> known) {
  const py::object value = rules.attr(what);
  if (!py::isinstance<py::str>(value))
    throw WrongType(std::string("Policy: ") + what + " must be text, not " + shown(value));
  const std::string name = to_text(value, std::string("Policy: ") + what);
  std::string all;
  for (const auto& [text, rule] : known) {
    if (name == text) return rule;
    all += (all.empty() ? "'" : ", '") + std::string(text) + "'";
  }
  throw InputError(std::string("Policy.") + what + " must be one of " + all + ", not '" + name + "'");
}

/// A whole number within the range of its rule.
std::int64_t whole(const py::handle& value, const char* what) {
  const bool is_whole = PyBool_Check(value.ptr()) == 0 && PyIndex_Check(value.ptr()) != 0;
  if (!is_whole) throw WrongType(std::string("Policy: ") + what + " must be a whole number, not " + shown(value));
  const auto number = py::reinterpret_steal<py::int_>(PyNumber_Index(value.ptr()));
  if (!number) throw py::error_already_set();
  int overflow = 0;
  const long long out = PyLong_AsLongLongAndOverflow(number.ptr(), &overflow);
  const double rounded = PyLong_AsDouble(number.ptr());
  if (PyErr_Occurred() != nullptr) PyErr_Clear();  // beyond every float, and so beyond every range
  check_rule(what, overflow == 0 ? static_cast<double>(out) : rounded);
  return out;
}

std::uint32_t count_of(const py::object& rules, const char* what) {
  return static_cast<std::uint32_t>(whole(rules.attr(what), what));
}

/// Nanoseconds from a whole number of them or a text such as "250ms".
std::int64_t span_of(const py::handle& value, const char* what) {
  if (!py::isinstance<py::str>(value)) return whole(value, what);
  const std::string text = to_text(value, std::string("Policy: ") + what);
  try {
    return parse_span(text);
  } catch (const PlanError&) {
    throw InputError(std::string("Policy: ") + what + " " + shown(value) +
                     " is not a whole number above 0 and one of ms, s, m, h, d, such as '250ms'");
  }
}

/// A number above 0, or 0 for None, which switches a rule off.
double number_or_none(const py::handle& value, const char* what) {
  if (value.is_none()) return 0.0;
  const double out = PyFloat_AsDouble(value.ptr());
  if (PyErr_Occurred() != nullptr) {
    PyErr_Clear();
    throw WrongType(std::string("Policy: ") + what + " must be a number above 0 or None, not " + shown(value));
  }
  if (out > 0.0) return out;
  throw InputError(std::string("Policy: ") + what + " must be above 0 or None, not " + shown(value));
}

/// A span above 0, or 0 for None, which switches a rule off.
std::int64_t span_or_none(const py::handle& value, const char* what) {
  if (value.is_none()) return 0;
  const std::int64_t span = span_of(value, what);
  if (span > 0) return span;
  throw InputError(std::string("Policy: ") + what + " must be above 0 or None, not " + shown(value));
}

}  // namespace

Policy policy_of(const py::object& rules) {
  Policy policy;
  policy.order = rule_named<OrderRule>(rules, "order",
                                       {{"drop", OrderRule::drop},
                                        {"reject", OrderRule::reject},
                                        {"accept", OrderRule::accept},
                                        {"buffer", OrderRule::buffer},
                                        {"revise", OrderRule::revise}});
  policy.invalid = rule_named<InvalidRule>(
      rules, "invalid", {{"drop", InvalidRule::drop}, {"raise", InvalidRule::raise}, {"clamp", InvalidRule::clamp}});
  policy.duplicates = rule_named<DuplicateRule>(
      rules, "duplicates", {{"keep", DuplicateRule::keep}, {"id", DuplicateRule::id}, {"value", DuplicateRule::value}});
  policy.crossed =
      rule_named<CrossedRule>(rules, "crossed", {{"drop", CrossedRule::drop}, {"accept", CrossedRule::accept}});
  policy.sequence =
      rule_named<SequenceRule>(rules, "sequence", {{"none", SequenceRule::none}, {"id", SequenceRule::id}});
  policy.fill = rule_named<FillRule>(rules, "fill", {{"none", FillRule::none}, {"flat", FillRule::flat}});
  policy.large_trades = rule_named<LargeTradeRule>(
      rules, "large_trades", {{"whole", LargeTradeRule::whole}, {"split", LargeTradeRule::split}});
  try {
    policy.lateness = span_of(rules.attr("lateness"), "lateness");
    policy.ahead = span_or_none(rules.attr("ahead"), "ahead");
    policy.silence = span_or_none(rules.attr("silence"), "silence");
    policy.buffer_size = count_of(rules, "buffer_size");
    policy.revise_bars = count_of(rules, "revise_bars");
    policy.duplicate_window = count_of(rules, "duplicate_window");
    policy.jump_window = count_of(rules, "jump_window");
    policy.jumps = number_or_none(rules.attr("jumps"), "jumps");
    check_policy(policy);
  } catch (const InputError&) {
    throw;
  } catch (const WrongType&) {
    throw;
  } catch (const std::invalid_argument& error) {
    throw InputError(error.what());
  }
  return policy;
}

}  // namespace fastcore::python
