// The data formats that open_dataset() understands.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "data/dataset.h"
#include "data/dataset_config.h"
#include "data/sample_source.h"
#include "data/zip_archive.h"

namespace qc {

/// What a format is asked for.
struct FormatRequest {
  std::filesystem::path folder;
  Split split = Split::kTrain;
  /// The only file or folder to take the split from, found or given in dataset.toml; else empty.
  std::filesystem::path only;
  const DatasetConfig& config;
};

/// One row per format.
struct DataFormat {
  std::string_view name;
  std::string_view files;  ///< what it looks for, for messages
  /// The samples, or nothing when the files are not of this format. Throws Error.
  std::unique_ptr<SampleSource> (*open)(const FormatRequest& request);
};

std::unique_ptr<SampleSource> open_idx(const FormatRequest& request);
std::unique_ptr<SampleSource> open_cifar(const FormatRequest& request);
std::unique_ptr<SampleSource> open_npy(const FormatRequest& request);
std::unique_ptr<SampleSource> open_npz(const FormatRequest& request);
std::unique_ptr<SampleSource> open_image_folder(const FormatRequest& request);

/// The pictures of a folder, or of a file, that have no labels; nothing where there are none. What
/// has no labels is no data set for open_dataset().
std::unique_ptr<SampleSource> open_unlabelled_images(const FormatRequest& request);

/// The samples of the first format that fits; nothing when none does. Throws Error.
std::unique_ptr<SampleSource> open_samples(const FormatRequest& request);

/// What open_samples() looks for, a line for each format, each after a line break.
std::string known_formats();

/// Whether an archive has samples and labels as open_npz() reads them.
bool has_sample_pair(const ZipArchive& archive, Split split);

/// Where the samples of a split lie, with what dataset.toml says of them.
struct DataPlace {
  std::filesystem::path folder;
  std::filesystem::path only;  ///< as in FormatRequest
  DatasetConfig config;
};

/// Throws Error: kFile when nothing is there, kUsage for a wrong dataset.toml.
DataPlace find_data(const DataSource& source, Split split);

/// The configuration given, else the one in the folder, else the defaults.
DatasetConfig find_config(const DataSource& source, const std::filesystem::path& folder);

/// Labels beyond this are taken for damage.
inline constexpr std::int64_t kMaxClasses = std::int64_t{1} << 24;

/// "train" or "test".
std::string_view split_name(Split split) noexcept;

/// The number of classes: as configured, else beyond the largest label. Throws Error(kCorrupt)
/// naming `file` for a label that is negative or not below the configured number.
std::int64_t count_classes(std::span<const std::int64_t> labels, const DatasetConfig& config,
                           const std::string& file);

}  // namespace qc
