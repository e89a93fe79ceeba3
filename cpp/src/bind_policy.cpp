// Rules by their names in Python.
#include "bind_policy.hpp"

#include <initializer_list>
#include <string>
#include <utility>

#include "errors.hpp"
#include "fastcore/engine/plan.hpp"

namespace py = pybind11;

namespace fastcore::python {

namespace {

template <class Rule>
Rule rule_named(const py::object& rules, const char* what, std::initializer_list<std::pair<const char*, Rule>> known) {
  const py::object value = rules.attr(what);
  if (!py::isinstance<py::str>(value))
    throw WrongType(std::string("Policy: ") + what + " must be text, not " + std::string(py::repr(value)));
  const std::string name = py::str(value);
  std::string all;
  for (const auto& [text, rule] : known) {
    if (name == text) return rule;
    all += (all.empty() ? "'" : ", '") + std::string(text) + "'";
  }
  throw InputError(std::string("Policy.") + what + " must be one of " + all + ", not '" + name + "'");
}

/// Nanoseconds from a whole number of them or a text such as "250ms".
std::int64_t duration_of(const py::object& rules, const char* what) {
  const py::object value = rules.attr(what);
  if (!py::isinstance<py::str>(value)) return py::cast<std::int64_t>(py::int_(value));
  try {
    return parse_span(py::cast<std::string>(value));
  } catch (const PlanError&) {
    throw InputError("Policy: " + std::string(what) + " " + std::string(py::repr(value)) +
                     " is not a whole number above 0 and one of ms, s, m, h, d, such as '250ms'");
  }
}

/// A whole number that fits.
std::uint32_t whole(const py::object& rules, const char* what) {
  const auto value = py::cast<std::int64_t>(py::int_(rules.attr(what)));
  if (value < 0 || value > 0xffffffff)
    throw InputError(std::string("Policy: ") + what + "=" + std::to_string(value) + " is outside its range");
  return static_cast<std::uint32_t>(value);
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
  policy.lateness = duration_of(rules, "lateness");
  policy.sequence =
      rule_named<SequenceRule>(rules, "sequence", {{"none", SequenceRule::none}, {"id", SequenceRule::id}});
  policy.fill = rule_named<FillRule>(rules, "fill", {{"none", FillRule::none}, {"flat", FillRule::flat}});
  policy.large_trades = rule_named<LargeTradeRule>(
      rules, "large_trades", {{"whole", LargeTradeRule::whole}, {"split", LargeTradeRule::split}});
  if (!rules.attr("silence").is_none()) {
    policy.silence = duration_of(rules, "silence");
    if (policy.silence <= 0)
      throw InputError("Policy: silence must be above 0 or None, not " + std::string(py::repr(rules.attr("silence"))));
  }
  policy.buffer_size = whole(rules, "buffer_size");
  policy.revise_bars = whole(rules, "revise_bars");
  policy.duplicate_window = whole(rules, "duplicate_window");
  policy.jump_window = whole(rules, "jump_window");
  const py::object jumps = rules.attr("jumps");
  policy.jumps = jumps.is_none() ? 0.0 : py::cast<double>(py::float_(jumps));
  if (!jumps.is_none() && !(policy.jumps > 0.0))
    throw InputError("Policy: jumps must be above 0 or None, not " + std::string(py::repr(jumps)));
  try {
    check_policy(policy);
  } catch (const std::invalid_argument& error) {
    throw InputError(error.what());
  }
  return policy;
}

}  // namespace fastcore::python
