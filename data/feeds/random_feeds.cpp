// Samples that are made up, for those who have none: the shapes are right, the values mean nothing.
#include <fmt/format.h>

#include <charconv>
#include <string_view>
#include <utility>

#include "core/error.h"
#include "core/random.h"
#include "data/feeds/feed_kinds.h"
#include "data/feeds/input_fill.h"
#include "data/feeds/input_types.h"

namespace qc {
namespace {

constexpr std::string_view kName = "random";
constexpr std::size_t kDefaultCount = 32;
constexpr std::size_t kMaxCount = std::size_t{1} << 20;

constexpr std::int64_t kPictureSide = 224;
constexpr std::int64_t kPictureChannels = 3;
constexpr std::int64_t kSequenceLength = 16;

bool is_picture(const GraphValue& input) { return input.dims.size() == 4; }

// Unknown dimensions: a batch of one; pictures have 3 channels and 224x224 pixels, the rows of
// inputs with two dimensions are short sequences, anything else is 1, as states have it.
std::vector<std::int64_t> made_up_shape(const GraphValue& input) {
  std::vector<std::int64_t> dims = input.dims;
  const bool interleaved = is_picture(input) && (dims[3] == 1 || dims[3] == 3) && dims[1] < 0;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] >= 0) continue;
    dims[i] = 1;
    if (i > 0 && is_picture(input)) {
      dims[i] = i == (interleaved ? 3U : 1U) ? kPictureChannels : kPictureSide;
    } else if (i == 1 && dims.size() == 2) {
      dims[i] = kSequenceLength;
    }
  }
  return dims;
}

// The sum of twelve uniform numbers, which is close to the normal distribution with mean 0 and
// deviation 1 and, made without functions of the C library, the same on every machine.
double bell(SplitMix64& numbers) {
  double sum = -6;
  for (int i = 0; i < 12; ++i) sum += numbers.uniform();
  return sum;
}

// Whole numbers are 0 or 1, which every table and mask takes, those of pictures 0 to 255.
double made_up_value(const GraphValue& input, SplitMix64& numbers) {
  if (is_value_type(input.type)) return bell(numbers);
  const bool pixel = input.type == DataType::kUint8 && is_picture(input);
  return static_cast<double>(numbers.next() >> (pixel ? 56 : 63));
}

class RandomFeeds final : public FeedSource {
 public:
  RandomFeeds(InputFill fill, std::vector<std::size_t> drawn,
              std::vector<std::vector<std::int64_t>> shapes, std::size_t count)
      : fill_(std::move(fill)),
        drawn_(std::move(drawn)),
        shapes_(std::move(shapes)),
        count_(count) {}

  std::size_t size() const noexcept override { return count_; }
  std::int64_t classes() const noexcept override { return 0; }
  std::string description() const override { return fmt::format("{} random samples", count_); }
  std::vector<std::string> notes() const override { return fill_.notes(); }
  std::string name(std::size_t index) const override {
    return fmt::format("random sample {}", index);
  }

  Feed load(std::size_t index) const override {
    if (index >= count_) {
      throw Error(ErrorCode::kInternal, fmt::format("sample {} of {} asked for", index, count_));
    }
    Feed feed = fill_.start();
    for (std::size_t i = 0; i < drawn_.size(); ++i) {
      const GraphValue& input = fill_.inputs()[drawn_[i]];
      HostTensor& tensor = feed.inputs[drawn_[i]];
      tensor.type = input.type;
      tensor.dims = shapes_[i];
      tensor.bytes.resize(tensor_bytes(input.name, input.type, tensor.dims));
      SplitMix64 numbers =
          random_stream(0, StreamPurpose::kSamples, index * fill_.inputs().size() + drawn_[i]);
      const std::size_t elements = tensor.bytes.size() / (data_type_bits(input.type) / 8);
      for (std::size_t at = 0; at < elements; ++at) {
        store_number(input.type, tensor.bytes, at, made_up_value(input, numbers));
      }
    }
    return feed;
  }

 private:
  InputFill fill_;
  std::vector<std::size_t> drawn_;                 // inputs
  std::vector<std::vector<std::int64_t>> shapes_;  // of those
  std::size_t count_;
};

std::size_t parse_count(const std::string& path) {
  if (path == kName) return kDefaultCount;
  const std::string_view digits = std::string_view(path).substr(kName.size() + 1);
  std::size_t count = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), count);
  if (error != std::errc() || end != digits.data() + digits.size() || count < 1 ||
      count > kMaxCount) {
    throw Error(ErrorCode::kUsage,
                fmt::format("{}: the number of random samples must be 1 to {}", path, kMaxCount));
  }
  return count;
}

}  // namespace

bool is_random(const std::filesystem::path& path) {
  return path.string() == kName || path.string().starts_with(fmt::format("{}:", kName));
}

std::unique_ptr<FeedSource> open_random(const std::filesystem::path& path,
                                        const DatasetConfig& config, const Graph& graph) {
  const std::size_t count = parse_count(path.string());
  std::vector<std::size_t> drawn;
  std::vector<std::vector<std::int64_t>> shapes;
  std::string told;
  for (std::size_t i = 0; i < graph.inputs.size(); ++i) {
    const GraphValue& input = graph.inputs[i];
    const InputConfig* given = find_input_config(config, input.name);
    const bool shaped = given != nullptr && given->shape;
    const bool number = is_number_type(input.type) || input.type == DataType::kBool;
    // What is left is refused, or filled, where inputs get what the data does not give.
    if ((given != nullptr && given->value) || !number || !(input.has_shape || shaped)) continue;
    // Checks the shape that dataset.toml gives.
    shapes.push_back(shaped ? configured_shape(input, *given) : made_up_shape(input));
    tensor_bytes(fmt::format("input '{}'", input.name), input.type, shapes.back());
    drawn.push_back(i);
    told += fmt::format("{}'{}' {}", told.empty() ? "" : ", ", input.name,
                        tensor_text(input.type, shapes.back()));
  }
  InputFill fill(graph, config, drawn);
  fill.add_note(
      fmt::format("random values are a stop-gap: they say how a network computes, not how "
                  "well it does on real data; {}",
                  told));
  return std::make_unique<RandomFeeds>(std::move(fill), std::move(drawn), std::move(shapes), count);
}

}  // namespace qc
