// Samples that are picture files, decoded when they are asked for.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "data/image.h"
#include "data/sample_source.h"

namespace qc {

/// Picture files below a folder with their labels, in little more memory than their names take.
class ImageList {
 public:
  explicit ImageList(std::filesystem::path folder) : folder_(std::move(folder)) {}

  /// Adds a file, named relative to the folder. Throws Error(kLimit) naming `list`, where it is
  /// from, when the list grows beyond kMaxInMemory.
  void add(std::string_view file, std::int64_t label, const std::string& list);

  std::size_t size() const noexcept { return labels_.size(); }
  std::filesystem::path path(std::size_t index) const;
  const std::vector<std::int64_t>& labels() const noexcept { return labels_; }

 private:
  std::filesystem::path folder_;
  std::string names_;
  std::vector<std::size_t> ends_;  // of each name
  std::vector<std::int64_t> labels_;
};

/// Decoded pictures of all sources are kept up to this many bytes.
inline constexpr std::size_t kImageCacheBytes = std::size_t{1} << 30;

class ImageSource final : public SampleSource {
 public:
  /// Reads the size of the first picture. Requires at least one, and labels below `classes`.
  ImageSource(ImageList images, std::int64_t classes, std::string description);
  ~ImageSource() override;
  ImageSource(const ImageSource&) = delete;
  ImageSource& operator=(const ImageSource&) = delete;

  std::size_t size() const noexcept override { return images_.size(); }
  const SampleForm& form() const noexcept override { return form_; }
  std::int64_t classes() const noexcept override { return classes_; }
  std::string description() const override { return description_; }
  bool slow_to_load() const noexcept override { return true; }
  std::string name(std::size_t index) const override { return images_.path(index).string(); }
  std::int64_t label(std::size_t index) const noexcept override { return images_.labels()[index]; }
  SampleView view(std::size_t index, SampleBuffer& buffer) const override;

 private:
  const Image& keep(std::size_t index, std::unique_ptr<const Image> image) const;

  ImageList images_;
  std::int64_t classes_;
  std::string description_;
  SampleForm form_;
  mutable std::vector<std::atomic<const Image*>> kept_;  // null where not in memory
};

}  // namespace qc
