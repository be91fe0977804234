#include "engine/torch/moment_sums.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace qc::torch_engine {
namespace {

// Products of few columns cost more for adding them up than for themselves.
constexpr std::int64_t kLeastColumns = 1024;

std::vector<double> to_vector(const at::Tensor& tensor, double factor) {
  const at::Tensor values = (tensor * factor).to(at::kCPU).contiguous();
  const auto* data = values.data_ptr<double>();
  return {data, data + values.numel()};
}

}  // namespace

MomentSums::MomentSums(const MatrixForm& form, bool with_reference)
    : form_(form), with_reference_(with_reference && !form.is_table) {
  const auto groups = static_cast<std::int64_t>(form.groups);
  const auto columns = static_cast<std::int64_t>(form.columns);
  sum_ = at::zeros({groups, columns}, at::kDouble);
  if (form.is_table) return;
  second_ = at::zeros({groups, columns, columns}, at::kDouble);
  if (!with_reference_) return;
  cross_ = at::zeros_like(second_);
  reference_sum_ = at::zeros_like(sum_);
}

void MomentSums::add(const at::Tensor& columns, const at::Tensor& reference) {
  if (form_.is_table) {
    sum_ += columns.to(at::kDouble);
    count_ += static_cast<std::uint64_t>(columns.sum().item().toDouble());
    return;
  }
  count_ += static_cast<std::uint64_t>(columns.size(2));
  waiting_.push_back(columns);
  if (with_reference_) waiting_reference_.push_back(reference);
  waiting_count_ += columns.size(2);
  if (waiting_count_ >= kLeastColumns) flush();
}

void MomentSums::flush() {
  if (waiting_count_ == 0) return;
  const at::Tensor y = at::cat(waiting_, 2);
  second_ += at::bmm(y, y.transpose(1, 2)).to(at::kCPU);
  sum_ += y.sum(2, false, at::kDouble).to(at::kCPU);
  if (with_reference_) {
    const at::Tensor x = at::cat(waiting_reference_, 2);
    cross_ += at::bmm(x, y.transpose(1, 2)).to(at::kCPU);
    reference_sum_ += x.sum(2, false, at::kDouble).to(at::kCPU);
  }
  waiting_.clear();
  waiting_reference_.clear();
  waiting_count_ = 0;
}

Moments MomentSums::moments() {
  flush();
  Moments moments;
  moments.count = count_;
  moments.groups = form_.groups;
  moments.columns = form_.columns;
  moments.is_table = form_.is_table;
  const double factor = 1 / static_cast<double>(std::max<std::uint64_t>(count_, 1));
  moments.mean = to_vector(sum_, factor);
  moments.second = form_.is_table ? moments.mean : to_vector(second_, factor);
  if (with_reference_) {
    moments.cross = to_vector(cross_, factor);
    moments.reference_mean = to_vector(reference_sum_, factor);
  }
  return moments;
}

}  // namespace qc::torch_engine
