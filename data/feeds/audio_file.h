// Recordings as values from -1 to 1. The one place that knows libsndfile.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

namespace qc {

/// A .wav or .flac file.
class AudioFile {
 public:
  /// Throws Error: kFile when it cannot be read, kCorrupt when it is no recording, kUnsupported
  /// when libsndfile is not installed.
  explicit AudioFile(const std::filesystem::path& path);
  ~AudioFile();
  AudioFile(const AudioFile&) = delete;
  AudioFile& operator=(const AudioFile&) = delete;

  std::int64_t rate() const noexcept;    ///< Hz
  std::int64_t length() const noexcept;  ///< values of each channel, as the header tells it

  /// The values from `begin` on, the mean of all channels. Throws Error(kCorrupt) where there are
  /// fewer than the header tells.
  void read(std::int64_t begin, std::span<float> values);

 private:
  struct Handle;
  std::unique_ptr<Handle> handle_;
};

}  // namespace qc
