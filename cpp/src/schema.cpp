// Reading schemas, and records by them. All of it works on bytes that may lie.
#include "fastcore/schema.hpp"

#include <algorithm>
#include <cstring>

#include "fastcore/text.hpp"

namespace fastcore {

namespace {

constexpr int deepest = 4;  // lists in lists
constexpr std::size_t most_fields = 1024;
constexpr std::size_t most_choices = 256;

/// Reads "name:kind name[ name:kind ] ", from `at` to the end or to the bracket that closes the list.
class Parser {
 public:
  explicit Parser(std::string_view text) noexcept : text_(text) {}

  std::vector<Field> all() {
    std::vector<Field> fields = list(0);
    if (at_ != text_.size()) refuse();
    return fields;
  }

 private:
  std::vector<Field> list(int depth) {
    std::vector<Field> fields;
    while (at_ < text_.size() && text_[at_] != ']') {
      Field one = field(depth);
      const bool twice = std::any_of(fields.begin(), fields.end(), [&](const Field& f) { return f.name == one.name; });
      if (twice) throw SnapshotError("the snapshot's fields name " + quoted(one.name) + " twice");
      fields.push_back(std::move(one));
      if (fields.size() > most_fields) refuse();
    }
    if (fields.empty()) refuse();  // a record would take no bytes, and so would any number of them
    return fields;
  }

  Field field(int depth) {
    Field one;
    one.name = until(":[");
    if (one.name.empty()) refuse();
    if (text_[at_] == '[') {
      take("[ ");
      if (depth == deepest) refuse();
      one.kind = FieldKind::list;
      one.fields = list(depth + 1);
      take("] ");
      return one;
    }
    take(":");
    const std::string_view kind = until(" (");
    if (text_[at_] == '(') {
      if (kind != "choice") refuse();
      one.kind = FieldKind::choice;
      do {
        ++at_;
        one.choices.emplace_back(until("|)"));
      } while (text_[at_] == '|' && one.choices.size() < most_choices);
      take(") ");
      return one;
    }
    static constexpr std::string_view names[] = {"whole", "real", "text", "", "wholes", "reals"};
    const auto* const known = std::find(std::begin(names), std::end(names), kind);
    if (kind.empty() || known == std::end(names)) refuse();
    one.kind = static_cast<FieldKind>(known - std::begin(names));
    take(" ");
    return one;
  }

  /// What stands before the next of some characters, of which there must be one.
  std::string_view until(const char* ends) {
    const std::size_t end = text_.find_first_of(ends, at_);
    if (end == std::string_view::npos) refuse();
    const std::string_view word = text_.substr(at_, end - at_);
    at_ = end;
    if (word.find_first_of(":[]()| ") != std::string_view::npos) refuse();
    return word;
  }
  void take(std::string_view wanted) {
    if (text_.substr(at_, wanted.size()) != wanted) refuse();
    at_ += wanted.size();
  }
  [[noreturn]] void refuse() const {
    throw SnapshotError("the snapshot describes its fields in a way that this fastcore does not know, at " +
                        quoted(std::string(text_.substr(at_ < 20 ? 0 : at_ - 20, 40))));
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

std::size_t skip_fields(const std::vector<Field>& fields, ByteReader& in);

std::size_t skip_one(const Field& field, ByteReader& in) {
  const std::size_t before = in.left();
  switch (field.kind) {
    case FieldKind::whole:
    case FieldKind::real: in.raw(8); break;
    case FieldKind::choice: in.raw(1); break;
    case FieldKind::text: in.raw(in.count(1)); break;
    case FieldKind::wholes:
    case FieldKind::reals: in.raw(8 * in.count(8)); break;
    case FieldKind::list:
      for (std::size_t left = in.count(1); left > 0; --left) skip_fields(field.fields, in);
      break;
  }
  return before - in.left();
}

std::size_t skip_fields(const std::vector<Field>& fields, ByteReader& in) {
  std::size_t bytes = 0;
  for (const Field& field : fields) bytes += skip_one(field, in);
  return bytes;
}

/// The bytes of each field of a record; none where there is no record.
std::vector<std::string_view> parts(const std::vector<Field>& fields, ByteReader& in) {
  std::vector<std::string_view> all;
  all.reserve(fields.size());
  for (const Field& field : fields) all.push_back(skip_field(field, in));
  return all;
}

/// A field that a record lacks and no new state has: nothing, as a number, a text or a list.
void write_nothing(const Field& field, ByteWriter& out) {
  switch (field.kind) {
    case FieldKind::whole:
    case FieldKind::real: out.number(std::int64_t{0}); break;
    case FieldKind::choice: out.number(std::uint8_t{0}); break;
    default: out.number(std::uint32_t{0});
  }
}

std::size_t find(const std::vector<Field>& fields, const std::string& name) {
  return static_cast<std::size_t>(
      std::find_if(fields.begin(), fields.end(), [&](const Field& f) { return f.name == name; }) - fields.begin());
}

void check_fields(const std::vector<Field>& from, const std::vector<Field>& to, const std::string& owner) {
  for (const Field& field : from) {
    const std::size_t at = find(to, field.name);
    if (at == to.size()) {
      throw SnapshotError("the snapshot's state of " + owner + " has the field " + quoted(field.name) +
                          ", which this fastcore does not know");
    }
    if (to[at].kind != field.kind) {
      throw SnapshotError("the snapshot's state of " + owner + " has something else in the field " +
                          quoted(field.name) + " than this fastcore's");
    }
    check_fields(field.fields, to[at].fields, owner);
  }
}

/// Writes a record in another order, once it is known that the fields fit.
class Reshaper {
 public:
  Reshaper(const std::string& owner, ByteWriter& out) noexcept : owner_(owner), out_(out) {}

  /// `fresh` holds the bytes of each field of a new state, or nothing for the things of a list.
  void record(const std::vector<Field>& from, const std::vector<std::string_view>& bytes, const std::vector<Field>& to,
              const std::vector<std::string_view>& fresh) {
    for (std::size_t i = 0; i < to.size(); ++i) {
      const std::size_t at = find(from, to[i].name);
      if (at != from.size()) {
        field(from[at], bytes[at], to[i]);
      } else if (fresh.empty()) {
        write_nothing(to[i], out_);
      } else {
        out_.raw(fresh[i]);
      }
    }
  }

 private:
  void field(const Field& from, std::string_view bytes, const Field& to) {
    if (to.kind == FieldKind::choice) {
      choice(from, static_cast<std::uint8_t>(bytes[0]), to);
    } else if (to.kind == FieldKind::list) {
      list(from, bytes, to);
    } else {
      out_.raw(bytes);
    }
  }

  void choice(const Field& from, std::uint8_t value, const Field& to) {
    const std::string name = value < from.choices.size() ? from.choices[value] : "";
    const auto known = std::find(to.choices.begin(), to.choices.end(), name);
    if (known == to.choices.end()) {
      throw SnapshotError("the snapshot's state of " + owner_ + " has the " + to.name + " " + quoted(name) +
                          ", which this fastcore does not know");
    }
    out_.number(static_cast<std::uint8_t>(known - to.choices.begin()));
  }

  void list(const Field& from, std::string_view bytes, const Field& to) {
    ByteReader in(bytes);
    const std::size_t count = in.count(1);
    out_.number(static_cast<std::uint32_t>(count));
    for (std::size_t i = 0; i < count; ++i) {
      const auto one = parts(from.fields, in);
      record(from.fields, one, to.fields, {});
    }
  }

  const std::string& owner_;
  ByteWriter& out_;
};

}  // namespace

Schema::Schema(std::string text) : text_(std::move(text)), fields_(Parser(text_).all()) {}

std::string_view Schema::skip(ByteReader& in) const {
  ByteReader ahead = in;
  return in.raw(skip_fields(fields_, ahead));
}

std::string_view skip_field(const Field& field, ByteReader& in) {
  ByteReader ahead = in;
  return in.raw(skip_one(field, ahead));
}

void check_fits(const Schema& from, const Schema& to, const std::string& owner) {
  check_fields(from.fields(), to.fields(), owner);
}

std::string reshape(std::string_view record, const Schema& from, std::string_view fresh, const Schema& to,
                    const std::string& owner) {
  ByteReader in(record);
  ByteReader fresh_in(fresh);
  ByteWriter out;
  Reshaper(owner, out).record(from.fields(), parts(from.fields(), in), to.fields(), parts(to.fields(), fresh_in));
  return out.take();
}

RecordFit::RecordFit(const Schema& from, const std::string& own, std::string fresh, std::string owner)
    : from_(&from), same_(from.text() == own), fresh_(std::move(fresh)), owner_(std::move(owner)) {
  if (same_) return;
  own_ = Schema(own);
  check_fits(from, own_, owner_);
}

std::string_view RecordFit::operator()(std::string_view record) {
  return same_ ? record : moved_ = reshape(record, *from_, fresh_, own_, owner_);
}

}  // namespace fastcore
