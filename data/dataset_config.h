// dataset.toml: how the samples of a folder are preprocessed (DATA.md).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace qc {

enum class PixelLayout { kNchw, kNhwc, kStored };
enum class Channels { kRgb, kBgr, kGray };

/// Height and width; a single number is the shorter side (resize) or both (crop).
struct PixelSize {
  std::int64_t height = 0;
  std::int64_t width = 0;
};

struct Resize {
  std::int64_t shorter_side = 0;  ///< 0: `exact` is given
  PixelSize exact;
};

/// Every key of dataset.toml; what is absent has its default.
struct DatasetConfig {
  std::optional<double> scale;
  std::vector<double> mean;  ///< empty, one for all channels, or one per channel
  std::vector<double> std;
  PixelLayout layout = PixelLayout::kNchw;
  std::optional<PixelLayout> stored_layout;
  std::optional<Channels> channels;
  std::optional<Resize> resize;
  std::optional<PixelSize> crop;
  bool flatten = false;
  std::filesystem::path labels;
  std::filesystem::path train;
  std::filesystem::path test;
  std::optional<std::int64_t> classes;
};

/// Reads a dataset.toml. Throws Error: kFile when it cannot be read, kUsage with the line for what
/// is wrong in it.
DatasetConfig read_dataset_config(const std::filesystem::path& path);

/// The same from text; `path` is for messages.
DatasetConfig parse_dataset_config(std::string_view text, const std::string& path);

}  // namespace qc
