// MNIST's file format: http://yann.lecun.com/exdb/mnist
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "core/error.h"
#include "data/array_source.h"
#include "data/formats.h"

namespace qc {
namespace {

namespace fs = std::filesystem;

constexpr std::uint8_t kUnsignedByte = 0x08;

struct IdxHeader {
  std::vector<std::uint64_t> dims;
  std::uint64_t offset = 0;  // of the values

  std::uint64_t values() const noexcept {
    std::uint64_t product = 1;
    for (const std::uint64_t dim : dims) product *= dim;
    return product;
  }
};

[[noreturn]] void corrupt(const std::string& message) { throw Error(ErrorCode::kCorrupt, message); }

IdxHeader parse_header(ByteView first, const std::string& name, std::size_t min_rank,
                       std::size_t max_rank) {
  ByteReader reader(first);
  const ByteView magic = reader.take(4);
  if (magic.empty() || magic[0] != 0 || magic[1] != 0) {
    corrupt(fmt::format("{} is not an idx file: it does not begin with its magic number", name));
  }
  if (magic[2] != kUnsignedByte) {
    throw Error(ErrorCode::kUnsupported,
                fmt::format("{} holds values of idx type 0x{:02x}; only unsigned bytes (0x08) are "
                            "read, use .npy for others",
                            name, magic[2]));
  }
  const std::size_t rank = magic[3];
  if (rank < min_rank || rank > max_rank) {
    corrupt(fmt::format("{} has {} dimensions; {} expected", name, rank,
                        min_rank == 1 ? "1 for labels" : "3 or 4 for images"));
  }
  IdxHeader header;
  std::uint64_t product = 1;
  for (std::size_t i = 0; i < rank; ++i) {
    const ByteView dim = reader.take(4);
    if (dim.empty()) corrupt(fmt::format("{} is truncated: its header is not whole", name));
    const std::uint64_t size = std::uint64_t{dim[0]} << 24 | std::uint64_t{dim[1]} << 16 |
                               std::uint64_t{dim[2]} << 8 | dim[3];
    if (size == 0) corrupt(fmt::format("{} holds no samples: dimension {} is 0", name, i));
    if (product > (std::uint64_t{1} << 62) / size) {
      corrupt(fmt::format("{} announces an impossible size", name));
    }
    product *= size;
    header.dims.push_back(size);
  }
  header.offset = 4 + 4 * rank;
  return header;
}

struct IdxFile {
  IdxHeader header;
  Blob blob;
};

// `check` sees the header before anything is read because of it.
template <typename Check>
IdxFile read_idx(const fs::path& path, std::size_t min_rank, std::size_t max_rank,
                 const Check& check) {
  IdxHeader header;
  Blob blob = read_blob(path, [&](ByteView first) {
    header = parse_header(first, path.string(), min_rank, max_rank);
    check(header.dims);
    return header.offset + header.values();
  });
  return {std::move(header), std::move(blob)};
}

struct IdxPair {
  fs::path images;
  fs::path labels;
};

// The labels' file of "x-images-idx3-ubyte" is "x-labels-idx1-ubyte"; either may be compressed.
std::optional<fs::path> labels_of(const fs::path& images) {
  std::string name = images.filename().string();
  const auto at = name.rfind("images");
  if (at == std::string::npos) return std::nullopt;
  name.replace(at, 6, "labels");
  for (const std::string_view kind : {"idx3", "idx4"}) {
    const auto kind_at = name.rfind(kind);
    if (kind_at != std::string::npos) name.replace(kind_at, kind.size(), "idx1");
  }
  const bool compressed = name.ends_with(".gz");
  const std::string plain = compressed ? name.substr(0, name.size() - 3) : name;
  const std::array<std::string, 2> candidates =
      compressed ? std::array{plain + ".gz", plain} : std::array{plain, plain + ".gz"};
  for (const std::string& candidate : candidates) {
    if (fs::is_regular_file(images.parent_path() / candidate)) {
      return images.parent_path() / candidate;
    }
  }
  return std::nullopt;
}

bool is_images_name(std::string_view name) {
  if (name.ends_with(".gz")) name.remove_suffix(3);
  return name.find("images") != std::string_view::npos &&
         (name.ends_with("idx3-ubyte") || name.ends_with("idx4-ubyte"));
}

// The first by name of what is there.
fs::path find_images(const FormatRequest& request) {
  if (!request.only.empty()) {
    return is_images_name(request.only.filename().string()) ? request.only : fs::path();
  }
  fs::path found;
  for (const auto& entry : fs::directory_iterator(request.folder)) {
    const std::string name = entry.path().filename().string();
    const bool wanted = request.split == Split::kTrain
                            ? name.starts_with("train")
                            : name.starts_with("t10k") || name.starts_with("test");
    if (!wanted || !is_images_name(name) || !entry.is_regular_file()) continue;
    if (found.empty() || entry.path() < found) found = entry.path();
  }
  return found;
}

}  // namespace

std::unique_ptr<SampleSource> open_idx(const FormatRequest& request) {
  const fs::path images_path = find_images(request);
  if (images_path.empty()) return nullptr;
  const auto labels_path = request.config.labels.empty() ? labels_of(images_path)
                                                         : request.folder / request.config.labels;
  if (!labels_path) {
    throw Error(ErrorCode::kFile, fmt::format("{} has no file of labels (...-labels-idx1-ubyte) "
                                              "beside it",
                                              images_path.string()));
  }
  SampleArray array;
  const IdxFile labels = read_idx(*labels_path, 1, 1, [&](const auto& sizes) {
    require_memory(labels_path->string(), sizes[0] * sizeof(array.labels[0]));
  });
  IdxFile images = read_idx(images_path, 3, 4, [&](const auto& sizes) {
    if (sizes[0] == labels.header.dims[0]) return;
    corrupt(fmt::format("{} holds {} samples, but {} holds {} labels", images_path.string(),
                        sizes[0], labels_path->string(), labels.header.dims[0]));
  });
  const auto& dims = images.header.dims;
  const std::size_t channels = dims.size() == 4 ? dims[1] : 1;
  array.form.grid = planar_grid(channels, dims[dims.size() - 2], dims.back());
  array.form.bytes = true;
  const ByteView values = labels.blob.bytes().subspan(labels.header.offset);
  array.labels.assign(values.begin(), values.end());
  array.classes = count_classes(array.labels, request.config, labels_path->string());
  array.description = fmt::format("idx files in {}", request.folder.string());
  array.parts.push_back({.name = images_path.string(),
                         .blob = std::move(images.blob),
                         .first = images.header.offset,
                         .stride = array.form.grid.elements(),
                         .count = dims[0]});
  return std::make_unique<ArraySource>(std::move(array));
}

}  // namespace qc
