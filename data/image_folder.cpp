// Folders of pictures: a folder per class, or a label file.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "core/error.h"
#include "data/formats.h"
#include "data/image_source.h"
#include "data/label_file.h"
#include "data/split_folder.h"
#include "system/file.h"

namespace qc {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kLabelFile = "labels.csv";

std::optional<fs::path> train_folder(const FormatRequest& request) {
  const fs::path named = request.folder / request.config.train;
  if (!request.config.train.empty() && fs::is_directory(named)) return named;
  return first_folder(request.folder, {"train"});
}

std::optional<fs::path> find_label_file(const FormatRequest& request, const fs::path& root) {
  const fs::path& named = request.config.labels;
  const fs::path name = named.empty() ? fs::path(kLabelFile) : named;
  for (const fs::path& folder : {root, request.folder}) {
    if (fs::is_regular_file(folder / name)) return folder / name;
    if (named.empty()) break;
  }
  if (named.empty()) return std::nullopt;
  throw Error(ErrorCode::kFile, fmt::format("{}, the labels of dataset.toml, is not there",
                                            (request.folder / named).string()));
}

std::unique_ptr<SampleSource> open_labelled(const fs::path& label_file, const fs::path& root,
                                            const FormatRequest& request) {
  ImageList images(root);
  read_label_file(label_file, [&](const LabelLine& line) {
    if (!stays_inside(line.file)) {
      throw Error(ErrorCode::kCorrupt,
                  fmt::format("{}: {} lies outside its folder", label_file.string(), line.file));
    }
    std::string file = line.file;
    // A name may be longer than those of files, which the other forms throw for.
    std::error_code error;
    if (!fs::exists(root / file, error)) file = (fs::path("images") / file).string();
    if (!fs::exists(root / file, error)) {
      throw Error(ErrorCode::kFile, fmt::format("{} names {}, which is not in {}",
                                                label_file.string(), line.file, root.string()));
    }
    images.add(file, line.label, label_file.string());
  });
  const std::int64_t classes = count_classes(images.labels(), request.config, label_file.string());
  return std::make_unique<ImageSource>(std::move(images), classes,
                                       fmt::format("pictures of {}", label_file.string()));
}

// The names of the classes in ascending order with their labels.
std::map<std::string, std::int64_t> class_names(const fs::path& root) {
  std::map<std::string, std::int64_t> names;
  for (const fs::path& entry : sorted_entries(root)) {
    if (!fs::is_directory(entry)) continue;
    const auto label = static_cast<std::int64_t>(names.size());
    names.emplace(entry.filename().string(), label);
  }
  return names;
}

std::unique_ptr<SampleSource> open_class_folders(const fs::path& root,
                                                 const FormatRequest& request) {
  // The training samples number the classes: a class may be without test samples.
  const bool has_splits = root != request.folder;
  const auto train = has_splits ? train_folder(request) : std::nullopt;
  const fs::path& numbering = train ? *train : root;
  const auto names = class_names(numbering);
  ImageList images(root);
  for (const fs::path& folder : sorted_entries(root)) {
    if (!fs::is_directory(folder)) continue;
    const auto name = names.find(folder.filename().string());
    if (name == names.end()) {
      throw Error(ErrorCode::kCorrupt, fmt::format("{} is a class without a folder in {}",
                                                   folder.string(), numbering.string()));
    }
    for (const fs::path& file : sorted_entries(folder)) {
      const std::string relative = (folder.filename() / file.filename()).string();
      if (is_image_name(file)) images.add(relative, name->second, root.string());
    }
  }
  if (images.size() == 0) return nullptr;
  const auto found = static_cast<std::int64_t>(names.size());
  const std::int64_t classes = request.config.classes.value_or(found);
  if (classes < found) {
    throw Error(ErrorCode::kUsage, fmt::format("dataset.toml: classes is {}, but {} has {} class "
                                               "folders",
                                               classes, numbering.string(), found));
  }
  return std::make_unique<ImageSource>(std::move(images), classes,
                                       fmt::format("class folders in {}", root.string()));
}

}  // namespace

std::unique_ptr<SampleSource> open_image_folder(const FormatRequest& request) {
  const auto root = split_folder(request);
  if (!root) return nullptr;
  if (const auto labels = find_label_file(request, *root)) {
    return open_labelled(*labels, *root, request);
  }
  return open_class_folders(*root, request);
}

}  // namespace qc
