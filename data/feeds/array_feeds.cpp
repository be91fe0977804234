// .npz files whose arrays have the names of the inputs.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "core/error.h"
#include "data/feeds/feed_kinds.h"
#include "data/feeds/input_fill.h"
#include "data/feeds/input_types.h"
#include "data/npy_array.h"
#include "data/split_folder.h"

namespace qc {
namespace {

namespace fs = std::filesystem;

bool is_npz_name(const fs::path& path) { return path.extension() == ".npz"; }

// An array and the input that it is for.
struct NamedArray {
  std::size_t input;
  std::string array;
};

struct ArrayNames {
  std::vector<NamedArray> arrays;
  std::string labels;  // empty: none
};

bool has_array(const ZipArchive& archive, std::string_view name) {
  return archive.contains(fmt::format("{}.npy", name));
}

ArrayNames find_arrays(const ZipArchive& archive, const FeedRequest& request) {
  ArrayNames found;
  for (std::size_t i = 0; i < request.graph.inputs.size(); ++i) {
    const std::string& input = request.graph.inputs[i].name;
    const InputConfig* config = find_input_config(request.config(), input);
    const bool renamed = config != nullptr && !config->rename.empty();
    const std::string& array = renamed ? config->rename : input;
    if (has_array(archive, array)) {
      found.arrays.push_back({.input = i, .array = array});
    } else if (renamed) {
      throw Error(ErrorCode::kUsage,
                  fmt::format("{} has no array \"{}\", which dataset.toml names for input '{}'",
                              archive.name(), array, input));
    }
  }
  for (const std::string_view labels : {"labels", "y"}) {
    const bool is_input =
        std::ranges::find(found.arrays, labels, &NamedArray::array) != found.arrays.end();
    if (!is_input && found.labels.empty() && has_array(archive, labels)) found.labels = labels;
  }
  return found;
}

std::vector<std::size_t> inputs_of(const ArrayNames& names) {
  std::vector<std::size_t> inputs;
  for (const NamedArray& each : names.arrays) inputs.push_back(each.input);
  return inputs;
}

[[noreturn]] void no_arrays(const ZipArchive& archive, const Graph& graph) {
  constexpr std::size_t kMostNames = 20;
  std::vector<std::string> inputs;
  for (const GraphValue& input : graph.inputs) inputs.push_back(input.name);
  throw Error(ErrorCode::kUsage,
              fmt::format("{} has no array for an input of the network: it has {}, the inputs are "
                          "{}; rename in [inputs.NAME] of dataset.toml says which is which",
                          archive.name(), fmt::join(archive.members(kMostNames), ", "),
                          fmt::join(inputs, ", ")));
}

// Samples one after the other along the first axis of each array.
class StackedFeeds final : public FeedSource {
 public:
  StackedFeeds(const FeedRequest& request, const ZipArchive& archive, const ArrayNames& names)
      : fill_(request.graph, request.config(), inputs_of(names)),
        description_(fmt::format("arrays of {}", archive.name())) {
    for (const NamedArray& each : names.arrays) add(archive, each);
    if (!names.labels.empty()) add_labels(request, archive, names.labels);
  }

  std::size_t size() const noexcept override { return count_; }
  std::int64_t classes() const noexcept override { return classes_; }
  std::string description() const override { return description_; }
  std::vector<std::string> notes() const override { return fill_.notes(); }
  std::string name(std::size_t index) const override {
    return fmt::format("sample {} of {}", index, stacks_.front().array.name);
  }

  Feed load(std::size_t index) const override {
    if (index >= count_) {
      throw Error(ErrorCode::kInternal, fmt::format("sample {} of {} asked for", index, count_));
    }
    Feed feed = fill_.start();
    for (const Stack& stack : stacks_) {
      const ByteView elements = stack.array.elements();
      const std::size_t stride = elements.size() / count_;
      const ByteView sample = elements.subspan(index * stride, stride);
      feed.inputs[stack.input] = suit(fill_.inputs()[stack.input],
                                      {.type = stack.array.header.type,
                                       .dims = stack.dims,
                                       .bytes = {sample.begin(), sample.end()}},
                                      stack.array.name);
    }
    if (!labels_.empty()) feed.label = labels_[index];
    return feed;
  }

 private:
  struct Stack {
    std::size_t input;
    NpyArray array;
    std::vector<std::int64_t> dims;  // of a sample
  };

  void add(const ZipArchive& archive, const NamedArray& named) {
    const std::string name = npz_member_name(archive, named.array);
    std::vector<std::int64_t> dims;
    NpyArray array = read_npz_member(archive, named.array, [&](const NpyHeader& header) {
      dims = sample_dims(fill_.inputs()[named.input], header, name);
    });
    const std::int64_t count = array.header.shape.front();
    if (count == 0) throw Error(ErrorCode::kUsage, fmt::format("{} holds no samples", name));
    if (stacks_.empty()) count_ = static_cast<std::size_t>(count);
    require_count(array.header, name);
    stacks_.push_back({.input = named.input, .array = std::move(array), .dims = std::move(dims)});
  }

  // The shape of a sample, with which an input of the same rank has a batch of one. Requires that
  // the input takes it.
  static std::vector<std::int64_t> sample_dims(const GraphValue& input, const NpyHeader& header,
                                               const std::string& name) {
    std::vector<std::int64_t> dims = header.shape;
    const bool stacked = input.has_shape && dims.size() == input.dims.size() + 1;
    const bool batch = !input.has_shape || dims.size() == input.dims.size();
    if (!dims.empty() && stacked) dims.erase(dims.begin());
    if (!dims.empty() && !stacked && batch) dims.front() = 1;
    if (!header.shape.empty() && (stacked || batch) && takes_shape(input, dims) &&
        is_convertible(header.type, input.type)) {
      return dims;
    }
    throw Error(
        ErrorCode::kUsage,
        fmt::format("input '{}' wants {}, {} has {}; samples lie one after the other along "
                    "the first axis",
                    input.name, wanted_text(input), name, tensor_text(header.type, header.shape)));
  }

  void require_count(const NpyHeader& header, const std::string& name) const {
    const auto count = static_cast<std::size_t>(header.shape.front());
    if (count == count_) return;
    throw Error(ErrorCode::kUsage, fmt::format("{} has {} samples, but {} has {}", name, count,
                                               stacks_.front().array.name, count_));
  }

  void add_labels(const FeedRequest& request, const ZipArchive& archive, const std::string& array) {
    const std::string name = npz_member_name(archive, array);
    const CheckHeader check = holds_labels(name);
    labels_ = npy_labels(read_npz_member(archive, array, [&](const NpyHeader& header) {
      check(header);
      require_count(header, name);
    }));
    classes_ = count_classes(labels_, request.config(), name);
  }

  InputFill fill_;
  std::string description_;
  std::vector<Stack> stacks_;
  std::size_t count_ = 0;
  std::vector<std::int64_t> labels_;
  std::int64_t classes_ = 0;
};

// A file for each sample, whose arrays are whole inputs or lack the batch.
class ArrayFileFeeds final : public FeedSource {
 public:
  ArrayFileFeeds(const FeedRequest& request, std::vector<fs::path> files, ArrayNames names)
      : fill_(request.graph, request.config(), inputs_of(names)),
        files_(std::move(files)),
        names_(std::move(names)),
        description_(fmt::format(".npz files in {}", files_.front().parent_path().string())) {
    if (names_.labels.empty()) return;
    for (const fs::path& file : files_) labels_.push_back(read_label(file));
    classes_ = count_classes(labels_, request.config(), files_.front().parent_path().string());
  }

  std::size_t size() const noexcept override { return files_.size(); }
  std::int64_t classes() const noexcept override { return classes_; }
  std::string description() const override { return description_; }
  std::vector<std::string> notes() const override { return fill_.notes(); }
  std::string name(std::size_t index) const override { return files_.at(index).string(); }

  Feed load(std::size_t index) const override {
    const ZipArchive archive(files_.at(index));
    Feed feed = fill_.start();
    for (const NamedArray& named : names_.arrays) {
      const GraphValue& input = fill_.inputs()[named.input];
      if (!has_array(archive, named.array)) {
        throw Error(ErrorCode::kUsage,
                    fmt::format("{} has no array \"{}\" for input '{}', as {} has", archive.name(),
                                named.array, input.name, files_.front().string()));
      }
      const std::string where = npz_member_name(archive, named.array);
      NpyArray array = read_npz_member(archive, named.array, [&](const NpyHeader& header) {
        require_suits(input, header.type, header.shape, where);
      });
      const ByteView elements = array.elements();
      feed.inputs[named.input] = suit(input,
                                      {.type = array.header.type,
                                       .dims = array.header.shape,
                                       .bytes = {elements.begin(), elements.end()}},
                                      where);
    }
    if (!labels_.empty()) feed.label = labels_[index];
    return feed;
  }

 private:
  std::int64_t read_label(const fs::path& file) const {
    const ZipArchive archive(file);
    const std::string name = npz_member_name(archive, names_.labels);
    const NpyArray array = read_npz_member(archive, names_.labels, [&](const NpyHeader& header) {
      const bool one = element_count(header.shape) == std::uint64_t{1};
      if (one && !is_value_type(header.type)) return;
      throw Error(ErrorCode::kUsage,
                  fmt::format("{} has {}; the label of a sample is one whole number", name,
                              tensor_text(header.type, header.shape)));
    });
    return npy_labels(array).front();
  }

  InputFill fill_;
  std::vector<fs::path> files_;
  ArrayNames names_;
  std::string description_;
  std::vector<std::int64_t> labels_;
  std::int64_t classes_ = 0;
};

// Whether open_labelled_samples() reads an archive: it has samples and labels under the names of
// data sets, and the network takes one input of floats. These are preprocessed.
bool is_data_set(const ZipArchive& archive, const FeedRequest& request) {
  const std::vector<GraphValue>& inputs = request.graph.inputs;
  return inputs.size() == 1 &&
         (is_value_type(inputs[0].type) || inputs[0].type == DataType::kUint8) &&
         has_sample_pair(archive, request.files.split);
}

// The file with all samples of the split, where the files are not a sample each.
std::optional<fs::path> stacked_file(const FeedRequest& request,
                                     const std::vector<fs::path>& files) {
  if (files.size() == 1) return files.front();
  const fs::path own =
      files.front().parent_path() / fmt::format("{}.npz", split_name(request.files.split));
  return std::ranges::find(files, own) != files.end() ? std::optional(own) : std::nullopt;
}

}  // namespace

std::unique_ptr<FeedSource> open_named_arrays(const FeedRequest& request) {
  std::vector<fs::path> files = split_files(request.files, is_npz_name);
  if (files.empty()) return nullptr;
  const auto stacked = stacked_file(request, files);
  const ZipArchive archive(stacked.value_or(files.front()));
  if (is_data_set(archive, request)) return nullptr;
  ArrayNames names = find_arrays(archive, request);
  if (names.arrays.empty()) no_arrays(archive, request.graph);
  if (stacked) return std::make_unique<StackedFeeds>(request, archive, names);
  return std::make_unique<ArrayFileFeeds>(request, std::move(files), std::move(names));
}

}  // namespace qc
