// Folders of pictures that nobody has labelled.
#include <fmt/format.h>

#include <utility>

#include "data/formats.h"
#include "data/image_source.h"
#include "data/split_folder.h"

namespace qc {

std::unique_ptr<SampleSource> open_unlabelled_images(const FormatRequest& request) {
  const auto files = split_files(request, is_image_name);
  if (files.empty()) return nullptr;
  const std::filesystem::path folder = files.front().parent_path();
  ImageList images(folder);
  for (const auto& file : files) images.add(file.filename().string(), 0, folder.string());
  return std::make_unique<ImageSource>(std::move(images), 0,
                                       fmt::format("pictures in {}", folder.string()));
}

}  // namespace qc
