// dataset.toml: how the samples of a folder are preprocessed (DATA.md).
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
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

/// [audio]: how recordings become samples.
struct AudioConfig {
  std::optional<std::int64_t> rate;    ///< Hz; recordings of another rate are refused
  std::optional<std::int64_t> window;  ///< values in a sample
  std::optional<std::int64_t> hop;     ///< values from one window to the next; else a window
};

enum class TextEncoding { kBytes, kUtf8 };

/// [text]: how texts become sequences of whole numbers.
struct TextConfig {
  TextEncoding encoding = TextEncoding::kBytes;
  std::int64_t offset = 0;  ///< is added to every byte or code point
  std::optional<std::int64_t> length;
  std::int64_t pad = 0;  ///< fills texts that are shorter than `length`
};

/// [inputs.NAME]: what an input of the network gets.
struct InputConfig {
  std::optional<double> value;                     ///< of every element; at most 2^53
  std::optional<std::vector<std::int64_t>> shape;  ///< where the network leaves it open
  std::string rename;                              ///< the array of an .npz file; empty: NAME
};

/// Every key of dataset.toml; what is absent has its default.
struct DatasetConfig {
  std::optional<double> scale;
  std::vector<double> mean;  ///< empty, one for all channels, or one per channel
  std::vector<double> std;
  std::optional<PixelLayout> layout;  ///< absent: NCHW, or what the network's input asks for
  std::optional<PixelLayout> stored_layout;
  std::optional<Channels> channels;
  std::optional<Resize> resize;
  std::optional<PixelSize> crop;
  bool flatten = false;
  std::filesystem::path labels;
  std::filesystem::path train;
  std::filesystem::path test;
  std::optional<std::int64_t> classes;
  AudioConfig audio;
  TextConfig text;
  std::string data_input;  ///< [data] input: the one that samples fill; empty: the one that fits
  std::map<std::string, InputConfig, std::less<>> inputs;
};

/// Reads a dataset.toml. Throws Error: kFile when it cannot be read, kUsage with the line for what
/// is wrong in it.
DatasetConfig read_dataset_config(const std::filesystem::path& path);

/// The same from text; `path` is for messages.
DatasetConfig parse_dataset_config(std::string_view text, const std::string& path);

}  // namespace qc
