#include "data/dataset.h"

#include <fmt/format.h>

#include <array>
#include <system_error>
#include <utility>

#include "core/error.h"
#include "data/formats.h"
#include "data/preprocess.h"

namespace qc {
namespace {

namespace fs = std::filesystem;

// In the order in which they are tried.
constexpr std::array kFormats = {
    DataFormat{.name = "idx (MNIST)",
               .files = "train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-..., also .gz",
               .open = open_idx},
    DataFormat{.name = "CIFAR",
               .files = "data_batch_1.bin, ..., test_batch.bin, or train.bin, test.bin, also .gz",
               .open = open_cifar},
    DataFormat{.name = "NumPy",
               .files = "x_train.npy, y_train.npy, x_test.npy, ..., or images.npy, labels.npy",
               .open = open_npy},
    DataFormat{
        .name = "NumPy archive", .files = "an .npz file with such members", .open = open_npz},
    DataFormat{.name = "pictures",
               .files = "train/CLASS/*.jpg, test/CLASS/*.png, or CLASS/*.jpg, or labels.csv with "
                        "lines \"file,class index\"",
               .open = open_image_folder},
};

class PreprocessedDataset final : public Dataset {
 public:
  PreprocessedDataset(std::unique_ptr<SampleSource> source, const DatasetConfig& config)
      : source_(std::move(source)), preprocessor_(config, source_->form()) {}

  std::size_t size() const noexcept override { return source_->size(); }
  const std::vector<std::int64_t>& sample_shape() const noexcept override {
    return preprocessor_.sample_shape();
  }
  std::int64_t classes() const noexcept override { return source_->classes(); }
  std::string description() const override { return source_->description(); }
  bool slow_to_load() const noexcept override { return source_->slow_to_load(); }

  std::int64_t load(std::size_t index, std::span<float> sample) const override {
    if (index >= size()) {
      throw Error(ErrorCode::kInternal, fmt::format("sample {} of {} asked for", index, size()));
    }
    SampleBuffer buffer;
    preprocessor_.apply(source_->view(index, buffer), source_->name(index), sample);
    return source_->label(index);
  }

 private:
  std::unique_ptr<SampleSource> source_;
  Preprocessor preprocessor_;
};

}  // namespace

std::string_view split_name(Split split) noexcept {
  return split == Split::kTrain ? "train" : "test";
}

std::int64_t count_classes(std::span<const std::int64_t> labels, const DatasetConfig& config,
                           const std::string& file) {
  std::int64_t classes = config.classes.value_or(0);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const std::int64_t label = labels[i];
    if (label < 0 || label > kMaxClasses || (config.classes && label >= classes)) {
      throw Error(ErrorCode::kCorrupt,
                  fmt::format("{}: label {} of sample {} is not a class{}", file, label, i,
                              config.classes
                                  ? fmt::format(" below {}, the classes in dataset.toml", classes)
                                  : std::string()));
    }
    if (label >= classes) classes = label + 1;
  }
  return classes;
}

std::string known_formats() {
  std::string known;
  for (const DataFormat& format : kFormats) {
    known += fmt::format("\n  {}: {}", format.name, format.files);
  }
  return known;
}

DatasetConfig find_config(const DataSource& source, const fs::path& folder) {
  if (!source.config.empty()) return read_dataset_config(source.config);
  const fs::path inside = folder / "dataset.toml";
  std::error_code error;
  return fs::exists(inside, error) ? read_dataset_config(inside) : DatasetConfig();
}

DataPlace find_data(const DataSource& source, Split split) {
  const bool is_file = fs::is_regular_file(source.path);
  if (!fs::exists(source.path)) {
    throw Error(ErrorCode::kFile, fmt::format("no data at {}: there is no such folder or file",
                                              source.path.string()));
  }
  DataPlace place;
  place.folder = is_file ? source.path.parent_path() : source.path;
  place.config = find_config(source, place.folder);
  const fs::path& named = split == Split::kTrain ? place.config.train : place.config.test;
  if (is_file) place.only = source.path;
  if (!named.empty()) place.only = place.folder / named;
  if (!place.only.empty() && !fs::exists(place.only)) {
    throw Error(ErrorCode::kFile, fmt::format("{}, the {} samples of dataset.toml, is not there",
                                              place.only.string(), split_name(split)));
  }
  return place;
}

std::unique_ptr<SampleSource> open_samples(const FormatRequest& request) {
  for (const DataFormat& format : kFormats) {
    if (auto source = format.open(request)) return source;
  }
  return nullptr;
}

std::unique_ptr<Dataset> find_dataset(const DataSource& source, Split split) {
  try {
    const DataPlace place = find_data(source, split);
    auto samples = open_samples(
        {.folder = place.folder, .split = split, .only = place.only, .config = place.config});
    if (samples == nullptr) return nullptr;
    return std::make_unique<PreprocessedDataset>(std::move(samples), place.config);
  } catch (const fs::filesystem_error& error) {
    throw Error(ErrorCode::kFile,
                fmt::format("cannot read {}: {}", source.path.string(), error.code().message()));
  }
}

std::unique_ptr<Dataset> open_dataset(const DataSource& source, Split split) {
  if (auto data = find_dataset(source, split)) return data;
  const DataPlace place = find_data(source, split);
  const fs::path& where = place.only.empty() ? place.folder : place.only;
  throw Error(ErrorCode::kFile, fmt::format("no {} samples found in {}; understood are:{}",
                                            split_name(split), where.string(), known_formats()));
}

}  // namespace qc
