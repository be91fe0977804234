// The binary files of CIFAR-10 and CIFAR-100: https://www.cs.toronto.edu/~kriz/cifar.html
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "core/error.h"
#include "data/array_source.h"
#include "data/formats.h"

namespace qc {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kSide = 32;
constexpr std::size_t kPixels = 3 * kSide * kSide;

// A record is `label_bytes` labels, of which the last counts, and the planes.
struct Variant {
  std::string_view name;
  std::string_view train;  // the files' names begin so
  std::string_view test;
  std::size_t label_bytes;
  std::int64_t classes;
};

constexpr std::array kVariants = {
    Variant{"CIFAR-10", "data_batch_", "test_batch", 1, 10},
    Variant{"CIFAR-100", "train", "test", 2, 100},
};

bool is_named(const fs::path& path, const Variant& variant, Split split) {
  std::string_view prefix = split == Split::kTrain ? variant.train : variant.test;
  std::string name = path.filename().string();
  if (name.ends_with(".gz")) name.resize(name.size() - 3);
  if (!name.ends_with(".bin") || !name.starts_with(prefix)) return false;
  const std::string between = name.substr(prefix.size(), name.size() - prefix.size() - 4);
  return prefix.ends_with('_') ? !between.empty() : between.empty();
}

std::vector<fs::path> find_files(const FormatRequest& request, const Variant& variant) {
  std::vector<fs::path> found;
  if (!request.only.empty()) {
    for (const Split split : {Split::kTrain, Split::kTest}) {
      if (is_named(request.only, variant, split)) found = {request.only};
    }
    return found;
  }
  for (const auto& entry : fs::directory_iterator(request.folder)) {
    if (is_named(entry.path(), variant, request.split) && entry.is_regular_file()) {
      found.push_back(entry.path());
    }
  }
  std::ranges::sort(found);
  return found;
}

ArrayPart read_part(const fs::path& path, const Variant& variant) {
  const std::size_t record = variant.label_bytes + kPixels;
  Blob blob = read_blob(path, [](ByteView) { return std::nullopt; });
  const std::size_t size = blob.bytes().size();
  if (size == 0 || size % record != 0) {
    throw Error(ErrorCode::kCorrupt,
                fmt::format("{} is truncated or no {} file: {} bytes are not whole records of {}",
                            path.string(), variant.name, size, record));
  }
  return {.name = path.string(),
          .blob = std::move(blob),
          .first = variant.label_bytes,
          .stride = record,
          .count = size / record};
}

}  // namespace

std::unique_ptr<SampleSource> open_cifar(const FormatRequest& request) {
  for (const Variant& variant : kVariants) {
    const std::vector<fs::path> files = find_files(request, variant);
    if (files.empty()) continue;
    SampleArray array;
    array.form.grid = planar_grid(3, kSide, kSide);
    array.form.bytes = true;
    array.classes = variant.classes;
    array.description = fmt::format("{} files in {}", variant.name, request.folder.string());
    for (const fs::path& path : files) {
      ArrayPart part = read_part(path, variant);
      for (std::size_t i = 0; i < part.count; ++i) {
        const std::int64_t label = part.blob.bytes()[part.first + i * part.stride - 1];
        if (label >= variant.classes) {
          throw Error(ErrorCode::kCorrupt,
                      fmt::format("{} is no {} file: label {} of sample {} is not a class",
                                  path.string(), variant.name, label, i));
        }
        array.labels.push_back(label);
      }
      array.parts.push_back(std::move(part));
    }
    if (request.config.classes) {
      array.classes = count_classes(array.labels, request.config, files.front().string());
    }
    return std::make_unique<ArraySource>(std::move(array));
  }
  return nullptr;
}

}  // namespace qc
