// A small data set that networks learn in a second.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/random.h"
#include "data/dataset.h"

namespace qc::test {

inline constexpr std::int64_t kClasses = 3;

/// Points around one centre for each class, far enough apart to be learnt and not to be trivial.
class Clusters final : public Dataset {
 public:
  static constexpr std::int64_t kInputs = 12;

  explicit Clusters(std::size_t count, std::vector<std::int64_t> shape = {kInputs})
      : shape_(std::move(shape)) {
    SplitMix64 random(7);
    std::int64_t size = 1;
    for (const std::int64_t dim : shape_) size *= dim;
    std::vector<float> centres;
    for (std::int64_t i = 0; i < kClasses * size; ++i) {
      centres.push_back(static_cast<float>(2 * random.uniform() - 1));
    }
    for (std::size_t i = 0; i < count; ++i) {
      const auto label = static_cast<std::int64_t>(i % kClasses);
      labels_.push_back(label);
      for (std::int64_t k = 0; k < size; ++k) {
        const auto noise = static_cast<float>(2 * random.uniform() - 1);
        samples_.push_back(centres[static_cast<std::size_t>(label * size + k)] + noise);
      }
    }
  }

  std::size_t size() const noexcept override { return labels_.size(); }
  const std::vector<std::int64_t>& sample_shape() const noexcept override { return shape_; }
  std::int64_t classes() const noexcept override { return kClasses; }
  std::string description() const override { return "clusters"; }
  std::int64_t load(std::size_t index, std::span<float> sample) const override {
    const auto from = samples_.begin() + static_cast<std::ptrdiff_t>(index * sample.size());
    std::copy_n(from, sample.size(), sample.begin());
    return labels_[index];
  }

 private:
  std::vector<std::int64_t> shape_;
  std::vector<float> samples_;
  std::vector<std::int64_t> labels_;
};

}  // namespace qc::test
