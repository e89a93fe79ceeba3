// A list of types and what can be done with each: the families of indicators are such lists.
#pragma once

#include <cstddef>

namespace fastcore {

template <class... Types>
struct TypeList {
  static constexpr std::size_t size = sizeof...(Types);
};

/// Calls `visit(static_cast<T*>(nullptr))` for each type T, in order.
template <class... Types, class Visit>
constexpr void for_each(TypeList<Types...>, Visit&& visit) {
  (visit(static_cast<Types*>(nullptr)), ...);
}

namespace detail {
template <class... Lists>
struct Concat;
template <class... A>
struct Concat<TypeList<A...>> {
  using type = TypeList<A...>;
};
template <class... A, class... B, class... Rest>
struct Concat<TypeList<A...>, TypeList<B...>, Rest...> : Concat<TypeList<A..., B...>, Rest...> {};

constexpr bool same_text(const char* a, const char* b) {
  while (*a != '\0' && *a == *b) {
    ++a;
    ++b;
  }
  return *a == *b;
}
}  // namespace detail

template <class... Lists>
using Concat = typename detail::Concat<Lists...>::type;

/// Whether no two types of the list have the same spec name.
template <class... Types>
constexpr bool names_are_unique(TypeList<Types...>) {
  const char* const names[] = {Types::spec().name_...};
  for (std::size_t i = 0; i < sizeof...(Types); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (detail::same_text(names[i], names[j])) return false;
    }
  }
  return true;
}

}  // namespace fastcore
