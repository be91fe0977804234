// From a stored sample to the floats that a model takes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/dataset_config.h"
#include "data/sample_source.h"

namespace qc {

/// Resizes, crops, converts channels, scales, normalises and lays out samples, as dataset.toml
/// says. Const and safe from several threads at once.
class Preprocessor {
 public:
  /// Throws Error(kUsage) when the configuration does not suit samples of this form.
  Preprocessor(const DatasetConfig& config, const SampleForm& form);

  const std::vector<std::int64_t>& sample_shape() const noexcept { return shape_; }

  /// Writes a preprocessed sample, sample_shape() floats. Throws Error(kUsage), whose message
  /// begins with `name`, when the sample would not come out in that shape.
  void apply(const SampleView& sample, const std::string& name, std::span<float> out) const;

 private:
  struct Affine {
    float scale;
    float mean;
    float std;
    float operator()(float value) const noexcept { return (value * scale - mean) / std; }
  };
  struct Frame;

  void set_affine(std::size_t channels);
  Frame frame(const SampleGrid& stored, const std::string& name) const;
  void apply_plain(const SampleView& sample, std::span<float> out) const;
  void read_channel(const SampleView& sample, const Frame& frame, std::size_t channel,
                    std::span<float> plane, std::vector<float>& scratch) const;

  DatasetConfig config_;
  std::optional<Channels> channels_;
  bool picture_;
  bool bytes_;
  std::vector<std::int64_t> shape_;
  SampleGrid output_;
  std::vector<Affine> affine_;  // one, or one per output channel
};

}  // namespace qc
