// Walking two records side by side.
#include "fastcore/record_diff.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <utility>

namespace fastcore {

namespace {

using Found = FieldDifference;
using Difference = std::optional<FieldDifference>;

struct Side {
  const std::vector<Field>& fields;
  ByteReader in;
};

Difference compare(Side a, Side b, const std::string& prefix);

Difference compare_numbers(ByteReader a, ByteReader b, bool real, std::size_t count, const std::string& name) {
  for (std::size_t i = 0; i < count; ++i) {
    if (real) {
      const auto x = a.number<double>();
      const auto y = b.number<double>();
      if (!same_value(x, y)) return Found{name + "[" + std::to_string(i) + "]", x, y};
    } else {
      const auto x = a.number<std::int64_t>();
      const auto y = b.number<std::int64_t>();
      if (x != y) return Found{name + "[" + std::to_string(i) + "]", x, y};
    }
  }
  return {};
}

/// Things of a list by number, those that are named also by name; then how many there are.
Difference compare_list(const Field& field_a, ByteReader a, const Field& field_b, ByteReader b,
                        const std::string& name) {
  const std::size_t count_a = a.count(1);
  const std::size_t count_b = b.count(1);
  for (std::size_t i = 0; i < std::min(count_a, count_b); ++i) {
    const bool named = field_a.fields.front().kind == FieldKind::text;
    std::string inner = name;
    inner.append("[").append(named ? ByteReader(a).text() : std::to_string(i)).append("].");
    if (auto found = compare({field_a.fields, a}, {field_b.fields, b}, inner)) return found;
    for (const Field& one : field_a.fields) skip_field(one, a);
    for (const Field& one : field_b.fields) skip_field(one, b);
  }
  if (count_a == count_b) return {};
  return Found{name + ".count", static_cast<std::int64_t>(count_a), static_cast<std::int64_t>(count_b)};
}

FieldValue choice_of(const Field& field, std::string_view bytes) {
  const auto number = static_cast<std::uint8_t>(bytes[0]);
  return number < field.choices.size() ? field.choices[number] : std::to_string(number);
}

Difference compare_field(const Field& field_a, std::string_view a, const Field& field_b, std::string_view b,
                         const std::string& name) {
  ByteReader in_a(a);
  ByteReader in_b(b);
  if (field_a.kind != field_b.kind) return Found{name, {}, {}};
  const auto unless_equal = [&](FieldValue x, FieldValue y) -> Difference {
    if (x == y) return {};
    return Found{name, std::move(x), std::move(y)};
  };
  switch (field_a.kind) {
    case FieldKind::whole: return unless_equal(in_a.number<std::int64_t>(), in_b.number<std::int64_t>());
    case FieldKind::text: return unless_equal(in_a.text(), in_b.text());
    case FieldKind::choice: return unless_equal(choice_of(field_a, a), choice_of(field_b, b));
    case FieldKind::real: {
      const auto x = in_a.number<double>();
      const auto y = in_b.number<double>();
      return same_value(x, y) ? Difference() : Found{name, x, y};
    }
    case FieldKind::list: return compare_list(field_a, in_a, field_b, in_b, name);
    case FieldKind::wholes:
    case FieldKind::reals: break;
  }
  const std::size_t count_a = in_a.count(8);
  const std::size_t count_b = in_b.count(8);
  if (count_a != count_b)
    return Found{name + ".count", static_cast<std::int64_t>(count_a), static_cast<std::int64_t>(count_b)};
  return compare_numbers(in_a, in_b, field_a.kind == FieldKind::reals, count_a, name);
}

/// Two records, field by field in the order of `a`; fields that only one of them has come last.
Difference compare(Side a, Side b, const std::string& prefix) {
  std::map<std::string_view, std::pair<const Field*, std::string_view>> others;
  for (const Field& field : b.fields) others.emplace(field.name, std::make_pair(&field, skip_field(field, b.in)));
  Difference lacking;
  for (const Field& field : a.fields) {
    const std::string_view bytes = skip_field(field, a.in);
    const auto other = others.find(field.name);
    if (other == others.end()) {
      if (!lacking) lacking = Found{prefix + field.name, std::string("there"), {}};
      continue;
    }
    const auto [field_b, bytes_b] = other->second;
    others.erase(other);
    if (field.kind == field_b->kind && field.kind != FieldKind::choice && bytes == bytes_b) continue;
    if (auto found = compare_field(field, bytes, *field_b, bytes_b, prefix + field.name)) return found;
  }
  if (!lacking && !others.empty())
    lacking = Found{prefix + std::string(others.begin()->first), {}, std::string("there")};
  return lacking;
}

}  // namespace

bool same_value(double a, double b) noexcept {
  return (std::isnan(a) && std::isnan(b)) || std::memcmp(&a, &b, sizeof a) == 0;
}

std::optional<FieldDifference> record_difference(const Schema& schema_a, std::string_view a, const Schema& schema_b,
                                                 std::string_view b, const std::string& prefix) {
  if (schema_a.text() == schema_b.text() && a == b) return {};
  return compare({schema_a.fields(), ByteReader(a)}, {schema_b.fields(), ByteReader(b)}, prefix);
}

}  // namespace fastcore
