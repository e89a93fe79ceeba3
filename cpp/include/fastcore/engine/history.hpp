// What was: the last rows and bars of a clock, to be read in order without a copy.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "fastcore/bars/bar.hpp"
#include "fastcore/memory/arena.hpp"

namespace fastcore {

/// Where a count of things goes on that was saved with the last of them: `kept` of a room for `capacity`.
inline std::uint64_t resumed(std::uint64_t saved, std::uint64_t kept, std::size_t capacity) noexcept {
  return kept < capacity || saved < kept ? kept : saved;
}

/// The last rows of a clock's columns, contiguous and in order, without a copy on reading: each row is
/// written twice, `capacity` rows apart.
class History {
 public:
  History(std::size_t capacity, std::size_t width);

  void push(const double* cells, const std::vector<std::uint32_t>& columns) noexcept;
  /// One row as it stands.
  void push(const double* row) noexcept;
  /// Forgets the last rows; as many older ones have been written over.
  void rewind(std::uint64_t rows) noexcept;
  void clear() noexcept { at_ = size_ = generation_ = 0; }
  /// After a restore has pushed what was saved: counts on from there.
  void resume(std::uint64_t generation) noexcept { generation_ = resumed(generation, generation_, capacity_); }
  /// First cell of the last `rows` rows, oldest first.
  const double* last(std::size_t rows) const noexcept { return data() + (at_ + capacity_ - rows) * width_; }
  std::size_t size() const noexcept { return size_; }
  std::size_t width() const noexcept { return width_; }
  std::size_t capacity() const noexcept { return capacity_; }
  /// Rows pushed so far: a view taken at generation g is overwritten from its oldest row on as it grows.
  std::uint64_t generation() const noexcept { return generation_; }
  /// What a view must keep alive.
  const std::shared_ptr<Block>& block() const noexcept { return block_; }

 private:
  double* data() const noexcept { return reinterpret_cast<double*>(block_->data()); }

  std::shared_ptr<Block> block_;
  std::size_t capacity_;
  std::size_t width_;
  std::size_t at_ = 0;
  std::size_t size_ = 0;
  std::uint64_t generation_ = 0;
};

/// The last closed bars of a clock, laid out like History.
class BarHistory {
 public:
  explicit BarHistory(std::size_t capacity);
  /// `received`: ticks that the symbol had received by then.
  void push(const Bar& bar, std::uint64_t received) noexcept;
  /// So many bars more have been here and gone.
  void pass(std::uint64_t bars) noexcept { generation_ += bars; }
  /// Forgets the last bars; as many older ones have been written over.
  void rewind(std::uint64_t bars) noexcept;
  /// After a restore has pushed what was saved: counts on from there.
  void resume(std::uint64_t generation) noexcept { generation_ = resumed(generation, generation_, capacity_); }
  void clear() noexcept { at_ = size_ = generation_ = 0; }
  const Bar* last(std::size_t bars) const noexcept { return data() + (at_ + capacity_ - bars); }
  /// With how many ticks received each of the last `bars` closed; 0 for one that a snapshot brought.
  const std::uint64_t* received(std::size_t bars) const noexcept { return received_.data() + (at_ + capacity_ - bars); }
  std::size_t size() const noexcept { return size_; }
  std::size_t capacity() const noexcept { return capacity_; }
  std::uint64_t generation() const noexcept { return generation_; }
  const std::shared_ptr<Block>& block() const noexcept { return block_; }
  std::size_t memory() const noexcept { return block_->size() + received_.size() * sizeof(std::uint64_t); }

 private:
  Bar* data() const noexcept { return reinterpret_cast<Bar*>(block_->data()); }

  std::shared_ptr<Block> block_;
  std::vector<std::uint64_t> received_;
  std::size_t capacity_;
  std::size_t at_ = 0;
  std::size_t size_ = 0;
  std::uint64_t generation_ = 0;
};

}  // namespace fastcore
