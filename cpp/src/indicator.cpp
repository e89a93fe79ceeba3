// The parts of a single indicator that no tick waits for.
#include "fastcore/indicator.hpp"

#include <algorithm>

#include "fastcore/engine/snapshot.hpp"

namespace fastcore {

Indicator::Indicator(const Kernel& kernel, const ParamValues& params) : kernel_(&kernel), params_(params) {
  check_params(kernel, params);
  block_ = Block(kernel.bytes(params));
  reset();
}

void Indicator::run(const double* const* in, double* const* out, std::size_t n) noexcept {
  if (n == 0) return;
  kernel_->run(block_.data(), in, out, n);
  for (std::size_t k = 0; k < kernel_->output_count; ++k) value_[k] = out[k][n - 1];
}

void Indicator::reset() {
  block_.clear();
  kernel_->make(block_.data(), block_.size(), params_);
  value_.fill(quiet_nan);
}

Indicator Indicator::copy() const {
  Indicator twin(*kernel_, params_);
  ByteWriter bytes;
  kernel_->save(block_.data(), bytes);
  ByteReader in(bytes.bytes());
  kernel_->load(twin.block_.data(), in);
  twin.value_ = value_;
  return twin;
}

int Indicator::warmup() const {
  const auto rows = kernel_->warmup(params_);
  return *std::max_element(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(kernel_->output_count));
}

std::string Indicator::snapshot() const {
  ByteWriter out;
  save_params(*kernel_, params_, out);
  out.text(state_schema(*kernel_));
  out.numbers(value_.data(), kernel_->output_count);
  kernel_->save(block_.data(), out);
  return seal(SnapshotKind::indicator, out.bytes());
}

Indicator Indicator::restore(std::string_view bytes) {
  ByteReader in(unseal(SnapshotKind::indicator, bytes));
  ParamValues params;
  const Kernel& kernel = load_params(in, params);
  if (in.text() != state_schema(kernel)) {
    throw SnapshotError(std::string("the snapshot's state of ") + kernel.name +
                        " has other fields than this fastcore's");
  }
  Indicator indicator(kernel, params);
  in.numbers(indicator.value_.data(), kernel.output_count);
  kernel.load(indicator.block_.data(), in);
  if (in.left() != 0) throw SnapshotError("the snapshot has " + std::to_string(in.left()) + " bytes after its end");
  return indicator;
}

}  // namespace fastcore
