// Bytes as a recipe, a data set or samples for a network: refused, or read to the end. The first
// byte tells the kind. A data set of two files has the size of the first, that of the labels, in
// two bytes after it.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "data/dataset.h"
#include "data/feed_source.h"
#include "pipeline/recipe.h"

namespace qc::fuzz {
namespace {

namespace fs = std::filesystem;

// Samples that are loaded, and how many values one may have: a few bytes may ask for gigabytes.
constexpr std::size_t kMostSamples = 4;
constexpr std::uint64_t kMostValues = std::uint64_t{1} << 20;

// A folder for the files of one input after the other.
class Folder {
 public:
  Folder() {
    const bool has_memory = fs::is_directory("/dev/shm");
    std::string pattern = has_memory ? "/dev/shm/qc_fuzz.XXXXXX" : "/tmp/qc_fuzz.XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) std::abort();
    path_ = pattern;
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  void clear() const {
    for (const auto& entry : fs::directory_iterator(path_)) fs::remove_all(entry.path());
  }
  void write(const std::string& name, ByteView bytes) const {
    std::ofstream file(path_ / name, std::ios::binary);
    file << as_text(bytes);
    if (!file.flush()) std::abort();
  }
  const fs::path& path() const noexcept { return path_; }

 private:
  fs::path path_;
};

// True when the body ends well; false for an error of the input.
bool accepted(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kInternal) std::abort();
    return false;
  }
  return true;
}

void check_recipe(std::string_view text) {
  Recipe recipe;
  if (!accepted([&] { recipe = parse_recipe(text, "recipe.toml"); })) return;
  for (const bool defaults : {false, true}) {
    const std::string written = recipe_text(recipe, defaults);
    if (recipe_text(parse_recipe(written, "again.toml"), defaults) != written) std::abort();
  }
}

void check_data(const fs::path& folder) {
  accepted([&] {
    const auto data = open_dataset({folder, {}}, Split::kTrain);
    std::uint64_t values = 1;
    for (const std::int64_t dim : data->sample_shape()) {
      if (dim <= 0) std::abort();
      values *= std::min(static_cast<std::uint64_t>(dim), kMostValues + 1);
      if (values > kMostValues) return;
    }
    std::vector<float> sample(values);
    for (std::size_t i = 0; i < std::min(data->size(), kMostSamples); ++i) {
      const std::int64_t label = data->load(i, sample);
      if (label < 0 || label >= data->classes()) std::abort();
    }
  });
}

constexpr std::string_view kLabels("\0\0\x08\x01\0\0\0\x02\0\x01", 10);
constexpr std::string_view kImages("\0\0\x08\x03\0\0\0\x02\0\0\0\x02\0\0\0\3uvwxyzUVWXYZ", 28);

// Each writes the files of a data set.
struct Kind {
  const char* labels;  // null: one file
  const char* samples;
};

constexpr std::array kKinds = {
    Kind{"train-labels-idx1-ubyte", "train-images-idx3-ubyte"},
    Kind{"train-labels-idx1-ubyte.gz", "train-images-idx3-ubyte.gz"},
    Kind{"y_train.npy", "x_train.npy"},
    Kind{nullptr, "train.npz"},
    Kind{"labels.csv", "a.png"},
    Kind{nullptr, "data_batch_1.bin.gz"},
};

// A file of samples and the input of the network that takes them.
struct FeedFile {
  const char* name;
  DataType type;
  std::size_t rank;
};

constexpr std::array kFeedFiles = {
    FeedFile{"data.npz", DataType::kFloat, 2},   FeedFile{"data.npz", DataType::kUint8, 1},
    FeedFile{"input_0.pb", DataType::kFloat, 2}, FeedFile{"input_0.pb", DataType::kInt64, 1},
    FeedFile{"a.txt", DataType::kUint8, 2},      FeedFile{"a.wav", DataType::kFloat, 2},
    FeedFile{"a.flac", DataType::kFloat16, 3},
};
// First bytes from here on are the number of one of them.
constexpr std::uint8_t kFirstFeed = 240;

void check_feeds(const Folder& folder, const FeedFile& file, ByteView bytes) {
  folder.clear();
  folder.write(file.name, bytes);
  Graph graph;
  graph.inputs.push_back({.name = "x",
                          .type = file.type,
                          .has_shape = true,
                          .dims = std::vector<std::int64_t>(file.rank, -1)});
  accepted([&] {
    const auto feeds = open_feeds({folder.path(), {}}, Split::kTest, graph);
    for (std::size_t i = 0; i < std::min(feeds->size(), kMostSamples); ++i) {
      const Feed feed = feeds->load(i);
      const HostTensor& tensor = feed.inputs.at(0);
      const auto count = element_count(tensor.dims);
      if (tensor.type != file.type || tensor.dims.size() != file.rank || !count ||
          tensor.bytes.size() != *count * data_type_bits(tensor.type) / 8) {
        std::abort();
      }
    }
  });
}

void run(ByteView input) {
  if (input.empty()) return;
  static const Folder folder;
  ByteView rest = input.subspan(1);
  if (input.front() >= kFirstFeed) {
    const std::size_t feed = input.front() - kFirstFeed;
    return check_feeds(folder, kFeedFiles[feed % kFeedFiles.size()], rest);
  }
  const std::size_t number = input.front() % (kKinds.size() + 2);
  if (number == 0) return check_recipe(as_text(rest));
  folder.clear();
  if (number == 1) {
    folder.write("dataset.toml", rest);
    folder.write(kKinds[0].labels, as_bytes(kLabels));
    folder.write(kKinds[0].samples, as_bytes(kImages));
    return check_data(folder.path());
  }
  const Kind& kind = kKinds[number - 2];
  if (kind.labels != nullptr) {
    if (rest.size() < 2) return;
    const auto wanted = static_cast<std::size_t>(load_le<std::uint16_t>(rest.data()));
    rest = rest.subspan(2);
    const std::size_t size = std::min(wanted, rest.size());
    folder.write(kind.labels, rest.first(size));
    rest = rest.subspan(size);
  }
  folder.write(kind.samples, rest);
  check_data(folder.path());
}

}  // namespace
}  // namespace qc::fuzz

// NOLINTNEXTLINE(readability-identifier-naming): the name is libFuzzer's
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  qc::fuzz::run({data, size});
  return 0;
}
