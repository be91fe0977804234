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

/// Labels beyond this are taken for damage.
inline constexpr std::int64_t kMaxClasses = std::int64_t{1} << 24;

/// "train" or "test".
std::string_view split_name(Split split) noexcept;

/// The number of classes: as configured, else beyond the largest label. Throws Error(kCorrupt)
/// naming `file` for a label that is negative or not below the configured number.
std::int64_t count_classes(std::span<const std::int64_t> labels, const DatasetConfig& config,
                           const std::string& file);

}  // namespace qc
