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
  SnapshotWriter out(SnapshotKind::indicator);
  SavedIndicator self;
  self.kernel = kernel_->name;
  for (std::size_t i = 0; i < kernel_->param_count; ++i) self.params.push_back({kernel_->params[i].name, params_[i]});
  for (std::size_t k = 0; k < kernel_->output_count; ++k) self.values.push_back({kernel_->outputs[k].name, value_[k]});
  self.schema = out.schemas().number(kernel_->schema(block_.data()));
  out.record("indicator", self);
  kernel_->save(block_.data(), out.begin("state"));
  out.end();
  return out.finish();
}

Indicator Indicator::restore(std::string_view bytes) {
  const SnapshotReader snapshot({SnapshotKind::indicator}, bytes);
  SavedIndicator self;
  snapshot.load("indicator", self);
  self.check(snapshot.schemas().size());
  ParamValues params;
  const Kernel& kernel = load_params(self.kernel, self.params, params);
  Indicator indicator(kernel, params);
  for (const SavedIndicator::Value& value : self.values) {
    for (std::size_t k = 0; k < kernel.output_count; ++k) {
      if (value.output == kernel.outputs[k].name) indicator.value_[k] = value.value;
    }
  }
  std::byte* const state = indicator.block_.data();
  ByteWriter fresh;
  kernel.save(state, fresh);
  RecordFit fit(snapshot.schema(self.schema), kernel.schema(state), fresh.take(), self.kernel);
  ByteReader in(fit(snapshot.section("state")));
  kernel.load(state, in);
  if (in.left() != 0) throw SnapshotError("the snapshot's state of " + self.kernel + " is too long");
  return indicator;
}

}  // namespace fastcore
