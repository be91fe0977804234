// Folders of files of which each is a sample.
#pragma once

#include <filesystem>
#include <initializer_list>
#include <optional>
#include <string_view>
#include <vector>

#include "data/formats.h"

namespace qc {

/// What is in a folder, in the byte order of the names; names that begin with a dot are left out.
std::vector<std::filesystem::path> sorted_entries(const std::filesystem::path& folder);

/// The first of these folders that is there.
std::optional<std::filesystem::path> first_folder(const std::filesystem::path& parent,
                                                  std::initializer_list<std::string_view> names);

/// The folder that the split lies in: the one named in dataset.toml, else `train`, or `test` or
/// `val`, else the whole; nothing when there are splits, but not this one.
std::optional<std::filesystem::path> split_folder(const FormatRequest& request);

/// The files of the split whose names `fits` takes; the file that is asked for, where it is one.
std::vector<std::filesystem::path> split_files(const FormatRequest& request,
                                               bool (*fits)(const std::filesystem::path&));

}  // namespace qc
