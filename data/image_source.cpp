#include "data/image_source.h"

#include <utility>

#include "data/blob.h"
#include "system/file.h"

namespace qc {
namespace {

// Shared by the splits of a data set, which are open at the same time.
std::atomic<std::size_t> cached_bytes{0};

bool reserve(std::size_t bytes) {
  std::size_t used = cached_bytes.load();
  do {
    if (bytes > kImageCacheBytes - used) return false;
  } while (!cached_bytes.compare_exchange_weak(used, used + bytes));
  return true;
}

SampleView view_of(const ImageSize& size, ByteView pixels) {
  return {.grid = interleaved_grid(size.height, size.width, size.channels),
          .bytes = pixels,
          .floats = {}};
}

}  // namespace

void ImageList::add(std::string_view file, std::int64_t label, const std::string& list) {
  constexpr std::size_t kEach =
      sizeof(std::size_t) + sizeof(label) + sizeof(std::atomic<const Image*>);
  require_memory(list, names_.size() + file.size() + kEach * (size() + 1));
  names_ += file;
  ends_.push_back(names_.size());
  labels_.push_back(label);
}

std::filesystem::path ImageList::path(std::size_t index) const {
  const std::size_t begin = index == 0 ? 0 : ends_[index - 1];
  return folder_ / std::string_view(names_).substr(begin, ends_[index] - begin);
}

ImageSource::ImageSource(ImageList images, std::int64_t classes, std::string description)
    : images_(std::move(images)),
      classes_(classes),
      description_(std::move(description)),
      kept_(images_.size()) {
  const MappedFile first(images_.path(0));
  form_.grid = view_of(image_size(first.bytes(), name(0)), {}).grid;
  form_.uniform = false;
  form_.bytes = true;
}

ImageSource::~ImageSource() {
  for (const auto& kept : kept_) {
    const std::unique_ptr<const Image> image(kept.load());
    if (image) cached_bytes -= image->pixels.size();
  }
}

// Puts a picture, whose bytes are reserved, into the cache unless another thread has done so.
const Image& ImageSource::keep(std::size_t index, std::unique_ptr<const Image> image) const {
  const Image* present = nullptr;
  if (kept_[index].compare_exchange_strong(present, image.get())) return *image.release();
  cached_bytes -= image->pixels.size();
  return *present;
}

SampleView ImageSource::view(std::size_t index, SampleBuffer& buffer) const {
  const Image* kept = kept_[index].load();
  if (kept == nullptr) {
    const MappedFile file(images_.path(index));
    auto image = std::make_unique<Image>(decode_image(file.bytes(), name(index)));
    if (!reserve(image->pixels.size())) {
      buffer.bytes = std::move(image->pixels);
      return view_of(image->size, buffer.bytes);
    }
    kept = &keep(index, std::move(image));
  }
  return view_of(kept->size, kept->pixels);
}

}  // namespace qc
