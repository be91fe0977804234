#include "data/split_folder.h"

#include <algorithm>

namespace qc {

namespace fs = std::filesystem;

std::vector<fs::path> sorted_entries(const fs::path& folder) {
  std::vector<fs::path> entries;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (!entry.path().filename().string().starts_with('.')) entries.push_back(entry.path());
  }
  std::ranges::sort(entries, {}, [](const fs::path& path) { return path.filename().string(); });
  return entries;
}

std::optional<fs::path> first_folder(const fs::path& parent,
                                     std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    if (fs::is_directory(parent / name)) return parent / name;
  }
  return std::nullopt;
}

std::optional<fs::path> split_folder(const FormatRequest& request) {
  if (!request.only.empty()) {
    return fs::is_directory(request.only) ? std::optional(request.only) : std::nullopt;
  }
  const auto train = first_folder(request.folder, {"train"});
  const auto test = first_folder(request.folder, {"test", "val"});
  if (!train && !test) return request.folder;
  return request.split == Split::kTrain ? train : test;
}

std::vector<fs::path> split_files(const FormatRequest& request, bool (*fits)(const fs::path&)) {
  std::vector<fs::path> files;
  if (fs::is_regular_file(request.only)) {
    if (fits(request.only)) files.push_back(request.only);
    return files;
  }
  const auto folder = split_folder(request);
  if (!folder) return files;
  for (const fs::path& file : sorted_entries(*folder)) {
    if (fits(file) && fs::is_regular_file(file)) files.push_back(file);
  }
  return files;
}

}  // namespace qc
