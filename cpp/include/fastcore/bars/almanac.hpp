// What a bar spec's anchor stands for: the offsets of a time zone, or the sessions of a calendar. It is made elsewhere,
// where rules of zones are known, and kept as a table, so that bars do not change with those rules.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "fastcore/archive.hpp"

namespace fastcore {

struct Almanac {
  /// What holds from a moment until that of the next entry; before the first the first holds.
  struct Entry {
    std::int64_t from = 0;  ///< nanoseconds since 1970 UTC
    std::int64_t value = 0;  ///< of a zone: local time less UTC, ns; of a calendar: the session's number, 0 for none
    template <class Archive>
    void state(Archive& archive) {
      archive("from", from);
      archive("value", value);
    }
  };
  static constexpr std::size_t most_entries = 1'000'000;

  bool sessions = false;  ///< a calendar rather than a zone
  std::vector<Entry> entries;

  /// The entry that holds at `ts`.
  std::size_t at(std::int64_t ts) const noexcept;
  /// Throws PlanError, unless there are entries, in order, with values that can be.
  void check(const std::string& name) const;

  template <class Archive>
  void state(Archive& archive) {
    archive("sessions", sessions);
    list_state(archive, "entries", entries, most_entries);
  }
};

/// By the name that specs use.
using Almanacs = std::map<std::string, std::shared_ptr<const Almanac>>;

}  // namespace fastcore
