// Pairs of arrays of samples and labels: .npy files, or the members of an .npz file.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/memory_size.h"
#include "data/array_source.h"
#include "data/formats.h"
#include "data/npy_array.h"
#include "data/zip_archive.h"

namespace qc {
namespace {

namespace fs = std::filesystem;

struct PairNames {
  std::string_view samples;
  std::string_view labels;
};

constexpr std::array kTrainNames = {PairNames{"x_train", "y_train"},
                                    PairNames{"X_train", "y_train"},
                                    PairNames{"train_images", "train_labels"}};
constexpr std::array kTestNames = {PairNames{"x_test", "y_test"}, PairNames{"X_test", "y_test"},
                                   PairNames{"test_images", "test_labels"}};
constexpr std::array kUnsplitNames = {PairNames{"images", "labels"}, PairNames{"x", "y"}};

// Whether there is an array of a name, without ".npy".
using HasArray = std::function<bool(const std::string&)>;

// Requires a sample for every label.
CheckHeader fits(const NpyArray& labels, const std::string& name) {
  return [&labels, name](const NpyHeader& header) {
    if (header.shape.empty() || element_count(header.shape) == std::uint64_t{0}) {
      throw Error(ErrorCode::kCorrupt, fmt::format("{} holds no samples: its shape is {}", name,
                                                   shape_text(header.shape)));
    }
    if (!is_sample_type(header.type)) {
      throw Error(ErrorCode::kUnsupported, fmt::format("{} holds {}; samples are numbers", name,
                                                       data_type_name(header.type)));
    }
    if (header.shape[0] == labels.header.shape[0]) return;
    throw Error(ErrorCode::kCorrupt,
                fmt::format("{} holds {} samples, but {} holds {} labels", name, header.shape[0],
                            labels.name, labels.header.shape[0]));
  };
}

std::optional<PairNames> find_pair(Split split, const HasArray& has) {
  const auto& of_split = split == Split::kTrain ? kTrainNames : kTestNames;
  for (const std::span<const PairNames> names :
       {std::span<const PairNames>(of_split), std::span<const PairNames>(kUnsplitNames)}) {
    for (const PairNames& pair : names) {
      if (has(std::string(pair.samples))) return pair;
    }
  }
  return std::nullopt;
}

// Pictures have few channels: a dimension of up to four at one end only is that of the channels.
PixelLayout guess_layout(std::span<const std::int64_t> dims, PixelLayout wanted) {
  constexpr std::int64_t kFew = 4;
  if (dims[2] <= kFew && dims[0] > kFew) return PixelLayout::kNhwc;
  if (dims[0] <= kFew && dims[2] > kFew) return PixelLayout::kNchw;
  return wanted;
}

SampleForm make_form(const NpyArray& array, const DatasetConfig& config) {
  const std::vector<std::int64_t> dims(array.header.shape.begin() + 1, array.header.shape.end());
  const std::vector<std::size_t> sizes(dims.begin(), dims.end());
  SampleForm form;
  form.bytes = array.header.type == DataType::kUint8;
  if (dims.size() <= 1) {
    form.plain_shape = dims.empty() ? std::vector<std::int64_t>{1} : dims;
    form.grid = planar_grid(dims.empty() ? 1 : sizes[0], 1, 1);
  } else if (dims.size() > 3 || config.layout == PixelLayout::kStored) {
    form.plain_shape = dims;
    form.grid = planar_grid(1, 1, memory_size(*element_count(dims)));
  } else if (dims.size() == 2) {
    form.grid = planar_grid(1, sizes[0], sizes[1]);
  } else {
    const PixelLayout stored = config.stored_layout.value_or(
        guess_layout(dims, config.layout.value_or(PixelLayout::kNchw)));
    form.grid = stored == PixelLayout::kNhwc ? interleaved_grid(sizes[0], sizes[1], sizes[2])
                                             : planar_grid(sizes[0], sizes[1], sizes[2]);
  }
  return form;
}

std::unique_ptr<SampleSource> join(NpyArray samples, const NpyArray& labels,
                                   const DatasetConfig& config, std::string description) {
  SampleArray array;
  array.labels = npy_labels(labels);
  array.type = samples.header.type;
  array.form = make_form(samples, config);
  array.classes = count_classes(array.labels, config, labels.name);
  array.description = std::move(description);
  array.parts.push_back({.name = samples.name,
                         .blob = std::move(samples.blob),
                         .first = samples.header.offset,
                         .stride = array.form.grid.elements() * (data_type_bits(array.type) / 8),
                         .count = array.labels.size()});
  return std::make_unique<ArraySource>(std::move(array));
}

// The labels' file of a samples' file: by dataset.toml, else by the names of pairs.
fs::path labels_of(const fs::path& samples, const FormatRequest& request) {
  if (!request.config.labels.empty()) return request.folder / request.config.labels;
  const std::string stem = samples.stem().string();
  for (const std::span<const PairNames> names :
       {std::span<const PairNames>(kTrainNames), std::span<const PairNames>(kTestNames),
        std::span<const PairNames>(kUnsplitNames)}) {
    for (const PairNames& pair : names) {
      if (pair.samples == stem) return samples.parent_path() / fmt::format("{}.npy", pair.labels);
    }
  }
  throw Error(ErrorCode::kFile, fmt::format("the labels of {} are not known; name their file by "
                                            "labels in dataset.toml",
                                            samples.string()));
}

// A folder may hold one archive, or one per split.
fs::path find_npz(const FormatRequest& request) {
  if (!request.only.empty()) return request.only.extension() == ".npz" ? request.only : fs::path();
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(request.folder)) {
    if (entry.path().extension() == ".npz" && entry.is_regular_file())
      found.push_back(entry.path());
  }
  if (found.size() == 1) return found.front();
  const fs::path own = request.folder / fmt::format("{}.npz", split_name(request.split));
  return std::ranges::find(found, own) != found.end() ? own : fs::path();
}

}  // namespace

bool has_sample_pair(const ZipArchive& archive, Split split) {
  const auto has = [&](std::string_view name) {
    return archive.contains(fmt::format("{}.npy", name));
  };
  const auto pair = find_pair(split, has);
  return pair && has(pair->labels);
}

std::unique_ptr<SampleSource> open_npy(const FormatRequest& request) {
  fs::path samples = request.only;
  if (samples.empty()) {
    const auto pair = find_pair(request.split, [&](const std::string& name) {
      return fs::is_regular_file(request.folder / (name + ".npy"));
    });
    if (!pair) return nullptr;
    samples = request.folder / fmt::format("{}.npy", pair->samples);
  }
  if (samples.extension() != ".npy") return nullptr;
  const fs::path labels_path = labels_of(samples, request);
  const NpyArray labels = read_npy(labels_path, holds_labels(labels_path.string()));
  return join(read_npy(samples, fits(labels, samples.string())), labels, request.config,
              fmt::format(".npy files in {}", request.folder.string()));
}

std::unique_ptr<SampleSource> open_npz(const FormatRequest& request) {
  const fs::path path = find_npz(request);
  if (path.empty()) return nullptr;
  const ZipArchive archive(path);
  const auto pair = find_pair(
      request.split, [&](const std::string& name) { return archive.contains(name + ".npy"); });
  if (!pair) {
    throw Error(ErrorCode::kFile,
                fmt::format("{} has no {} samples: no member x_{}, {}_images, images or x",
                            path.string(), split_name(request.split), split_name(request.split),
                            split_name(request.split)));
  }
  const auto name_of = [&](std::string_view array) {
    return npz_member_name(archive, std::string(array));
  };
  const auto read = [&](std::string_view array, const CheckHeader& check) {
    return read_npz_member(archive, std::string(array), check);
  };
  const NpyArray labels = read(pair->labels, holds_labels(name_of(pair->labels)));
  return join(read(pair->samples, fits(labels, name_of(pair->samples))), labels, request.config,
              fmt::format("npz file {}", path.string()));
}

}  // namespace qc
