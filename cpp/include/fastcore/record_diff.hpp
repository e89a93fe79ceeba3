// Where two records part, field by field, by the schemas that they were written with.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "fastcore/schema.hpp"

namespace fastcore {

/// One value of a field; nothing where one of the two has no such field.
using FieldValue = std::variant<std::monostate, std::int64_t, double, std::string>;

/// A field that differs, and what it holds.
struct FieldDifference {
  std::string field;
  FieldValue a;
  FieldValue b;
};

/// Equal bits, or both NaN: the bits of a NaN are the processor's affair.
bool same_value(double a, double b) noexcept;

/// The first field that differs, in the order of `a`, its name behind `prefix`; fields that only one of the records
/// has come last. Elements are named by number, "values[3]", or by their own first name, "params[period].value".
std::optional<FieldDifference> record_difference(const Schema& schema_a, std::string_view a, const Schema& schema_b,
                                                 std::string_view b, const std::string& prefix = "");

/// The first field in which two states differ that are saved alike.
template <class State>
std::optional<FieldDifference> state_difference(State a, State b, const std::string& prefix = "") {
  const Schema schema(schema_of(a));
  return record_difference(schema, record_of(a), schema, record_of(b), prefix);
}

}  // namespace fastcore
