// The fields of a record, read from the text that a StateSchema writes. A snapshot says once what its records hold;
// with that, bytes can be stepped over, taken apart and put in the order of another version without
// knowing the type that wrote them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "fastcore/archive.hpp"

namespace fastcore {

/// What a field holds, and with that how many bytes.
enum class FieldKind : std::uint8_t { whole, real, text, choice, wholes, reals, list };

struct Field {
  std::string name;  ///< with dots between levels, such as "average.seeding"
  FieldKind kind = FieldKind::whole;
  std::vector<std::string> choices;  ///< of a choice, by number
  std::vector<Field> fields;         ///< of each thing of a list
};

/// The fields of a record in their order.
class Schema {
 public:
  Schema() = default;
  /// Reads a StateSchema's text; throws SnapshotError for one that is none.
  explicit Schema(std::string text);

  const std::string& text() const noexcept { return text_; }
  const std::vector<Field>& fields() const noexcept { return fields_; }
  /// Steps over one record and gives its bytes; throws SnapshotError when it is cut short.
  std::string_view skip(ByteReader& in) const;

 private:
  std::string text_;
  std::vector<Field> fields_;
};

/// Steps over one field and gives its bytes.
std::string_view skip_field(const Field& field, ByteReader& in);

/// Throws a SnapshotError that names `owner` and the field, unless `to` knows all fields of `from`.
void check_fits(const Schema& from, const Schema& to, const std::string& owner);

/// A record of schema `from` in the order of schema `to`: fields by name, those that are not there as in `fresh`,
/// a record of a new state. `check_fits` comes first; throws SnapshotError for a choice that is not known.
std::string reshape(std::string_view record, const Schema& from, std::string_view fresh, const Schema& to,
                    const std::string& owner);

/// The text of a state's schema.
template <class State>
std::string schema_of(State& state) {
  StateSchema schema;
  state.state(schema);
  return schema.schema();
}

/// A state as a record.
template <class State>
std::string record_of(State& state) {
  ByteWriter out;
  StateSaver saver(out);
  state.state(saver);
  return out.take();
}

/// How records of a saved schema become those of a state, which may have been changed since.
class RecordFit {
 public:
  /// `own` is the schema of the state, `fresh` a record of a new one. Throws SnapshotError where they do not fit.
  RecordFit(const Schema& from, const std::string& own, std::string fresh, std::string owner);

  /// The record as the state's loader reads it; valid until the next call.
  std::string_view operator()(std::string_view record);

 private:
  const Schema* from_;
  bool same_;
  Schema own_;
  std::string fresh_;
  std::string owner_;
  std::string moved_;
};

/// Loads a record that a RecordFit has made fit, all of it.
template <class State>
void load_fitted(State& state, std::string_view record, const char* owner) {
  ByteReader in(record);
  StateLoader loader(in, owner);
  state.state(loader);
  if (in.left() != 0) loader.fail("bytes after its end");
}

/// Loads a record of any version of the state's schema.
template <class State>
void load_record(State& state, std::string_view record, const Schema& from, const char* owner) {
  RecordFit fit(from, schema_of(state), record_of(state), owner);
  load_fitted(state, fit(record), owner);
}

}  // namespace fastcore
