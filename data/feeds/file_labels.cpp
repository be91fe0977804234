#include "data/feeds/file_labels.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>

#include "core/error.h"
#include "data/label_file.h"
#include "data/split_folder.h"

namespace qc {

namespace fs = std::filesystem;

namespace {

// labels.csv of a folder, or the file that dataset.toml names, there or in the folder of the data.
fs::path label_path(const FormatRequest& request, const fs::path& folder) {
  const fs::path& named = request.config.labels;
  if (named.empty()) return folder / "labels.csv";
  return fs::is_regular_file(folder / named) ? folder / named : request.folder / named;
}

}  // namespace

bool is_audio_name(const fs::path& path) {
  std::string extension = path.extension().string();
  std::ranges::transform(extension, extension.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return extension == ".wav" || extension == ".flac";
}

bool is_text_name(const fs::path& path) { return path.extension() == ".txt"; }

bool has_sequence_labels(const FormatRequest& request) {
  const auto folder = split_folder(request);
  const fs::path path = folder ? label_path(request, *folder) : fs::path();
  if (path.extension() != ".csv" || !fs::is_regular_file(path)) return false;
  bool found = false;
  read_label_file(path, [&](const LabelLine& line) {
    found = found || is_audio_name(line.file) || is_text_name(line.file);
  });
  return found;
}

FileLabels read_file_labels(const FormatRequest& request, std::span<const fs::path> files) {
  const fs::path path = label_path(request, files.front().parent_path());
  if (!fs::is_regular_file(path)) {
    if (request.config.labels.empty()) return {};
    throw Error(ErrorCode::kFile,
                fmt::format("{}, the labels of dataset.toml, is not there", path.string()));
  }
  std::map<std::string, std::int64_t, std::less<>> by_name;
  read_label_file(path, [&](const LabelLine& line) { by_name[line.file] = line.label; });
  FileLabels result;
  for (const fs::path& file : files) {
    const auto found = by_name.find(file.filename().string());
    if (found == by_name.end()) {
      throw Error(ErrorCode::kCorrupt,
                  fmt::format("{} has no label for {}", path.string(), file.filename().string()));
    }
    result.labels.push_back(found->second);
  }
  result.classes = count_classes(result.labels, request.config, path.string());
  return result;
}

}  // namespace qc
