// Labels of files that are samples.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "data/formats.h"

namespace qc {

/// The class of each file, where there are labels.
struct FileLabels {
  std::vector<std::int64_t> labels;  ///< of the files; empty without labels
  std::int64_t classes = 0;
};

/// Whether the labels of the folder are those of recordings or texts, which are no pictures.
bool has_sequence_labels(const FormatRequest& request);

/// Whether a name is that of a recording, or of a text.
bool is_audio_name(const std::filesystem::path& path);
bool is_text_name(const std::filesystem::path& path);

/// Reads labels.csv, or the file that dataset.toml names, from the folder of the files. Throws
/// Error: kFile where a file that dataset.toml names is not there, kCorrupt where a file has no
/// label or the labels are broken.
FileLabels read_file_labels(const FormatRequest& request,
                            std::span<const std::filesystem::path> files);

}  // namespace qc
