// Labelled samples for evaluation and training.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace qc {

enum class Split { kTrain, kTest };

/// Samples of one shape with a class each. Loading is const and safe from several threads at once.
class Dataset {
 public:
  virtual ~Dataset() = default;

  virtual std::size_t size() const noexcept = 0;
  /// Shape of one sample as the model takes it, without the batch dimension: {1, 28, 28}.
  virtual const std::vector<std::int64_t>& sample_shape() const noexcept = 0;
  /// Labels are in [0, classes()).
  virtual std::int64_t classes() const noexcept = 0;
  /// Where the samples come from, for messages: "idx files in DIR".
  virtual std::string description() const = 0;

  /// Writes sample `index`, preprocessed (scaled, normalised, laid out), to `sample`, which holds
  /// the product of sample_shape() floats, and returns its label. Throws Error naming the file:
  /// kFile when it cannot be read, kCorrupt when it is broken.
  virtual std::int64_t load(std::size_t index, std::span<float> sample) const = 0;

  /// Whether load() takes so long (it decodes an image) that several threads should share the work.
  virtual bool slow_to_load() const noexcept { return false; }
};

/// Where data comes from and how it is preprocessed, from the command line.
struct DataSource {
  std::filesystem::path path;    ///< a folder, or an .npz file
  std::filesystem::path config;  ///< a dataset.toml elsewhere; empty: the one in the folder, if any
};

/// Opens one split of a data set, its kind found from the files that are there (DATA.md).
/// Where the data has no splits, it serves as either. Throws Error: kFile when nothing usable is
/// there (the message lists what is understood), kCorrupt for broken files, kUsage for a wrong
/// dataset.toml (with its line).
std::unique_ptr<Dataset> open_dataset(const DataSource& source, Split split);

/// The same; null where there is nothing with labels.
std::unique_ptr<Dataset> find_dataset(const DataSource& source, Split split);

/// Some of the samples of another data set, which must outlive this one.
class Subset final : public Dataset {
 public:
  Subset(const Dataset& whole, std::vector<std::size_t> indices)
      : whole_(whole), indices_(std::move(indices)) {}

  std::size_t size() const noexcept override { return indices_.size(); }
  const std::vector<std::int64_t>& sample_shape() const noexcept override {
    return whole_.sample_shape();
  }
  std::int64_t classes() const noexcept override { return whole_.classes(); }
  std::string description() const override { return whole_.description(); }
  std::int64_t load(std::size_t index, std::span<float> sample) const override {
    return whole_.load(indices_.at(index), sample);
  }
  bool slow_to_load() const noexcept override { return whole_.slow_to_load(); }

 private:
  const Dataset& whole_;
  std::vector<std::size_t> indices_;
};

}  // namespace qc
