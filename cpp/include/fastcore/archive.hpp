// What a state looks like as bytes. One `state(archive)` function per type names its fields once and
// both saves and loads; the archives here turn that walk into little-endian bytes, back, and into a
// schema, so that a snapshot knows what it holds.
//
//   archive("count", count_);                          // a number, or a thing with a state of its own
//   archive.choice("order", order_, order_names);      // an enumeration, by name
//   archive.text("zone", zone_);
//   archive.array("window", values_, n);               // n numbers, where n follows from what came before
//   archive.list("held", size, most, read, write);     // as many things as there are: read(i), write(i, thing)
//   archive.former("window", n, take);                 // n numbers that earlier versions saved: take(x) for each
//
// Which fields there are, and in what order, may depend on parameters and never on the state; so all
// states of one kind share one schema. Names hold no blank and none of : . [ ] ( ) |
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace fastcore {

/// A snapshot that cannot be read: damaged, cut short, newer, or of another plan.
class SnapshotError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Whether bytes are UTF-8: what a name read from damaged bytes may not be.
inline bool is_utf8(std::string_view s) noexcept {
  for (std::size_t i = 0; i < s.size();) {
    const auto lead = static_cast<unsigned char>(s[i]);
    const std::size_t length = lead < 0x80   ? 1
                               : lead < 0xc2 ? 0
                               : lead < 0xe0 ? 2
                               : lead < 0xf0 ? 3
                               : lead < 0xf5 ? 4
                                             : 0;
    if (length == 0 || length > s.size() - i) return false;
    std::uint32_t point = length == 1 ? lead : lead & (0x7fU >> length);
    for (std::size_t k = 1; k < length; ++k) {
      const auto next = static_cast<unsigned char>(s[i + k]);
      if ((next & 0xc0U) != 0x80U) return false;
      point = (point << 6) | (next & 0x3fU);
    }
    const bool overlong = (length == 3 && point < 0x800) || (length == 4 && (point < 0x10000 || point > 0x10ffff));
    const bool surrogate = point >= 0xd800 && point < 0xe000;
    if (overlong || surrogate) return false;
    i += length;
  }
  return true;
}

/// Appends numbers to a growing run of bytes, little-endian.
class ByteWriter {
 public:
  template <class T>
  void number(T value) {
    static_assert(std::is_arithmetic_v<T>, "only numbers have a byte order");
    const std::size_t at = bytes_.size();
    bytes_.resize(at + sizeof(T));
    put(bytes_.data() + at, value);
  }
  void text(std::string_view s) {
    number(static_cast<std::uint32_t>(s.size()));
    bytes_.append(s.data(), s.size());
  }
  /// Numbers side by side, without their count.
  template <class T>
  void numbers(const T* values, std::size_t count) {
    const std::size_t at = bytes_.size();
    bytes_.resize(at + count * sizeof(T));
    for (std::size_t i = 0; i < count; ++i) put(bytes_.data() + at + i * sizeof(T), values[i]);
  }
  void raw(std::string_view bytes) { bytes_.append(bytes.data(), bytes.size()); }
  /// Writes over a number that was put there before.
  template <class T>
  void number_at(std::size_t at, T value) noexcept {
    put(bytes_.data() + at, value);
  }
  const std::string& bytes() const noexcept { return bytes_; }
  std::string take() noexcept { return std::move(bytes_); }

 private:
  template <class T>
  static void put(char* to, T value) noexcept {
    std::memcpy(to, &value, sizeof(T));
    static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "a big-endian machine needs a byte swap here");
  }
  std::string bytes_;
};

/// Reads what a ByteWriter wrote; never past the end.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) noexcept : bytes_(bytes) {}

  template <class T>
  T number() {
    static_assert(std::is_arithmetic_v<T>, "only numbers have a byte order");
    T value;
    std::memcpy(&value, need(sizeof(T)), sizeof(T));
    return value;
  }
  /// UTF-8, as all text of a snapshot.
  std::string text() {
    const auto size = number<std::uint32_t>();
    const char* const p = need(size);
    if (!is_utf8({p, size}))
      throw SnapshotError("the snapshot holds text that is not UTF-8, before byte " + std::to_string(at_));
    return {p, size};
  }
  template <class T>
  void numbers(T* values, std::size_t count) {
    if (count > left() / sizeof(T)) cut_short();
    const char* const from = need(count * sizeof(T));
    if (count > 0) std::memcpy(values, from, count * sizeof(T));
  }
  std::string_view raw(std::size_t size) { return {need(size), size}; }
  /// A count of things of at least `size` bytes each, refused when they could not all be there.
  std::size_t count(std::size_t size) {
    const auto n = number<std::uint32_t>();
    if (n > left() / size) cut_short();
    return n;
  }
  std::size_t left() const noexcept { return bytes_.size() - at_; }
  std::size_t at() const noexcept { return at_; }

 private:
  const char* need(std::size_t size) {
    if (size > left()) cut_short();
    const char* const p = bytes_.data() + at_;
    at_ += size;
    return p;
  }
  [[noreturn]] void cut_short() const {
    throw SnapshotError("the snapshot ends at byte " + std::to_string(bytes_.size()) + " in the middle of a value");
  }
  std::string_view bytes_;
  std::size_t at_ = 0;
};

namespace detail {
/// Arrays hold numbers of 64 bits, of which snapshots know two kinds.
template <class T>
constexpr void check_element() {
  static_assert(std::is_same_v<T, double> || std::is_same_v<T, std::int64_t>, "arrays are of double or std::int64_t");
}
}  // namespace detail

/// Saves a state: whole numbers as 64 bits, reals as they are, arrays with their length.
class StateSaver {
 public:
  static constexpr bool loading = false;
  explicit StateSaver(ByteWriter& out) noexcept : out_(out) {}

  template <class T>
  void operator()(const char*, T& field) {
    if constexpr (std::is_floating_point_v<T>) {
      out_.number(static_cast<double>(field));
    } else if constexpr (std::is_integral_v<T>) {
      out_.number(static_cast<std::int64_t>(field));
    } else {
      field.state(*this);
    }
  }
  template <class Enum, std::size_t N>
  void choice(const char*, Enum& field, const char* const (&)[N]) {
    out_.number(static_cast<std::uint8_t>(field));
  }
  void text(const char*, const std::string& field) { out_.text(field); }
  template <class T>
  void array(const char*, const T* values, std::size_t count) {
    detail::check_element<T>();
    out_.number(static_cast<std::uint32_t>(count));
    out_.numbers(values, count);
  }
  template <class Read, class Write>
  void list(const char*, std::size_t count, std::size_t, const Read& read, const Write&) {
    out_.number(static_cast<std::uint32_t>(count));
    for (std::size_t i = 0; i < count; ++i) {
      auto thing = read(i);
      thing.state(*this);
    }
  }
  template <class Take>
  void former(const char*, std::size_t, const Take&) {
    out_.number(std::uint32_t{0});
  }
  [[noreturn]] void fail(const char*) const { throw std::logic_error("saving does not fail"); }

 private:
  ByteWriter& out_;
};

/// Loads what a StateSaver saved into a state of the same type and parameters.
class StateLoader {
 public:
  static constexpr bool loading = true;
  StateLoader(ByteReader& in, const char* owner) noexcept : in_(in), owner_(owner) {}

  template <class T>
  void operator()(const char* name, T& field) {
    if constexpr (std::is_floating_point_v<T>) {
      field = in_.number<double>();
    } else if constexpr (std::is_integral_v<T>) {
      const auto value = in_.number<std::int64_t>();
      field = static_cast<T>(value);
      if (static_cast<std::int64_t>(field) != value || (std::is_unsigned_v<T> && value < 0)) fail(name);
    } else {
      field.state(*this);
    }
  }
  template <class Enum, std::size_t N>
  void choice(const char* name, Enum& field, const char* const (&)[N]) {
    const auto value = in_.number<std::uint8_t>();
    if (value >= N) fail(name);
    field = static_cast<Enum>(value);
  }
  void text(const char*, std::string& field) { field = in_.text(); }
  template <class T>
  void array(const char* name, T* values, std::size_t count) {
    detail::check_element<T>();
    if (in_.number<std::uint32_t>() != count) fail(name);
    in_.numbers(values, count);
  }
  template <class Read, class Write>
  void list(const char* name, std::size_t, std::size_t most, const Read& read, const Write& write) {
    const std::size_t count = in_.number<std::uint32_t>();
    if (count > most) fail(name);
    for (std::size_t i = 0; i < count; ++i) {
      std::decay_t<decltype(read(i))> thing{};
      thing.state(*this);
      write(i, thing);
    }
  }
  template <class Take>
  void former(const char* name, std::size_t count, const Take& take) {
    const std::size_t saved = in_.number<std::uint32_t>();
    if (saved == 0) return;
    if (saved != count) fail(name);
    for (std::size_t i = 0; i < count; ++i) take(in_.number<double>());
  }
  [[noreturn]] void fail(const char* what) const {
    throw SnapshotError(std::string("the snapshot's state of ") + owner_ + " does not fit it: " + what);
  }

 private:
  ByteReader& in_;
  const char* owner_;
};

/// A vector of things with states of their own.
template <class Archive, class T>
void list_state(Archive& archive, const char* name, std::vector<T>& all, std::size_t most) {
  if constexpr (Archive::loading) all.clear();
  archive.list(
      name, all.size(), most, [&](std::size_t i) { return all[i]; },
      [&](std::size_t, T& thing) { all.push_back(std::move(thing)); });
}

/// Lists the fields of a state, "name:kind" with dots between levels, "name[ ... ]" for lists: two states with
/// the same schema can read each other's bytes.
class StateSchema {
 public:
  static constexpr bool loading = false;

  template <class T>
  void operator()(const char* name, T& field) {
    if constexpr (std::is_floating_point_v<T>) {
      add(name, ":real");
    } else if constexpr (std::is_integral_v<T>) {
      add(name, ":whole");
    } else {
      const std::size_t size = prefix_.size();
      prefix_.append(name).push_back('.');
      field.state(*this);
      prefix_.resize(size);
    }
  }
  template <class Enum, std::size_t N>
  void choice(const char* name, Enum&, const char* const (&names)[N]) {
    std::string kind = ":choice(";
    for (std::size_t i = 0; i < N; ++i) kind.append(i == 0 ? "" : "|").append(names[i]);
    add(name, kind.append(")").c_str());
  }
  void text(const char* name, const std::string&) { add(name, ":text"); }
  template <class T>
  void array(const char* name, const T*, std::size_t) {
    add(name, std::is_floating_point_v<T> ? ":reals" : ":wholes");
  }
  template <class Read, class Write>
  void list(const char* name, std::size_t, std::size_t, const Read& read, const Write&) {
    std::decay_t<decltype(read(std::size_t{}))> thing{};
    text_.append(prefix_).append(name).append("[ ");
    const std::string outer = std::move(prefix_);
    prefix_.clear();
    thing.state(*this);
    prefix_ = outer;
    text_.append("] ");
  }
  template <class Take>
  void former(const char* name, std::size_t, const Take&) {
    add(name, ":reals");
  }
  [[noreturn]] void fail(const char*) const { throw std::logic_error("listing fields does not fail"); }
  const std::string& schema() const noexcept { return text_; }

 private:
  void add(const char* name, const char* kind) { text_.append(prefix_).append(name).append(kind).push_back(' '); }
  std::string prefix_;
  std::string text_;
};

}  // namespace fastcore
