#include "data/feeds/sample_feeds.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>
#include <utility>

#include "core/error.h"
#include "core/float_types.h"
#include "data/feeds/file_labels.h"
#include "data/feeds/input_fill.h"
#include "data/feeds/input_types.h"
#include "data/preprocess.h"

namespace qc {
namespace {

constexpr std::size_t kPictureRank = 3;  // without the batch

constexpr std::int64_t kMaxSide = 1 << 14;  // as in dataset.toml

std::int64_t as_dim(std::size_t number) { return static_cast<std::int64_t>(number); }

bool is_sample_input(DataType type) noexcept {
  return is_value_type(type) || type == DataType::kUint8;
}

// The dimensions of an input without its batch.
std::vector<std::int64_t> picture_dims(const GraphValue& input) {
  std::vector<std::int64_t> dims = input.dims;
  if (dims.size() == kPictureRank + 1) dims.erase(dims.begin());
  if (dims.size() != kPictureRank) dims.clear();
  return dims;
}

bool takes_rank(const GraphValue& input, std::size_t rank) {
  return !input.has_shape || input.dims.size() == rank || input.dims.size() == rank + 1;
}

// Whether the elements of a sample, as a row, are what the input takes.
bool takes_flat(const GraphValue& input, const SampleForm& form) {
  return input.has_shape && input.dims.size() == 2 && input.dims[1] == as_dim(form.grid.elements());
}

std::size_t find_input(const FeedRequest& request, const SampleForm& form) {
  const bool picture = !form.plain_shape;
  const DatasetConfig& config = request.config();
  std::size_t rank = picture ? kPictureRank : form.plain_shape->size();
  if (config.flatten) rank = 1;
  const auto by_rank = [&](const GraphValue& input) {
    return is_sample_input(input.type) && takes_rank(input, rank);
  };
  const auto with_batch = [&](const GraphValue& input) {
    return is_sample_input(input.type) && input.has_shape && input.dims.size() == rank + 1;
  };
  const auto flat = [&](const GraphValue& input) {
    return is_sample_input(input.type) && takes_flat(input, form);
  };
  const std::string what =
      fmt::format("{} of {} dimensions", picture ? "pictures, which are floats or uint8" : "floats",
                  rank == 1 ? "1 or 2" : fmt::format("{} or {}", rank, rank + 1));
  // A sample has no batch of its own, so an input that has one is what is meant.
  const auto& inputs = request.graph.inputs;
  if (std::ranges::any_of(inputs, with_batch) && config.data_input.empty()) {
    return choose_input(request, what, with_batch);
  }
  if (picture && !std::ranges::any_of(inputs, by_rank)) {
    return choose_input(request, what,
                        [&](const GraphValue& input) { return by_rank(input) || flat(input); });
  }
  return choose_input(request, what, by_rank);
}

// Fills in what dataset.toml leaves open from what the input says.
class InputConfigurer {
 public:
  InputConfigurer(const GraphValue& input, const SampleForm& form, DatasetConfig config)
      : input_(input), form_(form), config_(std::move(config)), dims_(picture_dims(input)) {}

  DatasetConfig run() {
    if (input_.type == DataType::kUint8 && !config_.scale) {
      config_.scale = 1;
      notes_.push_back(fmt::format("input '{}' gets values from 0 to 255", input_.name));
    }
    if (form_.plain_shape) return config_;
    if (dims_.empty()) {
      if (takes_flat(input_, form_) && form_.uniform && !config_.flatten) {
        config_.flatten = true;
        notes_.push_back(fmt::format("samples are rows of values for input '{}'", input_.name));
      }
      return config_;
    }
    if (!config_.layout) set_layout();
    if (!config_.channels) set_channels();
    if (!form_.uniform && !config_.resize && !config_.crop) set_size();
    return config_;
  }

  const std::vector<std::string>& notes() const noexcept { return notes_; }

  /// Whether each picture may have a size of its own.
  bool free_size() const {
    return !form_.plain_shape && !form_.uniform && !config_.flatten &&
           (dims_.empty() ? !input_.has_shape : dims_[row()] < 0 || dims_[row() + 1] < 0);
  }

 private:
  static bool is_channels(std::int64_t dim) { return dim == 1 || dim == 3; }
  bool interleaved() const { return config_.layout == PixelLayout::kNhwc; }
  std::size_t row() const { return interleaved() ? 0 : 1; }

  void set_layout() {
    const bool last = is_channels(dims_[2]) && !is_channels(dims_[0]);
    config_.layout = last ? PixelLayout::kNhwc : PixelLayout::kNchw;
    if (last) {
      notes_.push_back(fmt::format("layout NHWC, from the shape of input '{}'", input_.name));
    }
  }

  void set_channels() {
    const std::int64_t wanted = dims_[interleaved() ? 2 : 0];
    const std::size_t stored = form_.grid.channels;
    if (!is_channels(wanted) || (stored != 1 && stored != 3)) return;
    config_.channels = wanted == 1 ? Channels::kGray : Channels::kRgb;
    if (as_dim(stored) == wanted) return;
    notes_.push_back(fmt::format("pictures become {}, which input '{}' wants",
                                 wanted == 1 ? "grey" : "RGB", input_.name));
  }

  void set_size() {
    const std::int64_t height = dims_[row()];
    const std::int64_t width = dims_[row() + 1];
    if (height <= 0 || width <= 0) return;
    if (std::max(height, width) > kMaxSide) {
      throw Error(
          ErrorCode::kLimit,
          fmt::format("input '{}' wants {}: pictures are resized to at most {} pixels a side",
                      input_.name, wanted_text(input_), kMaxSide));
    }
    config_.resize = Resize{.exact = {.height = height, .width = width}};
    notes_.push_back(
        fmt::format("pictures are resized to {}x{}, the size of input '{}', whatever "
                    "their proportions; resize and crop in dataset.toml keep them",
                    height, width, input_.name));
  }

  const GraphValue& input_;
  const SampleForm& form_;
  DatasetConfig config_;
  std::vector<std::int64_t>
      dims_;  // without the batch; empty where they are not those of a picture
  std::vector<std::string> notes_;
};

class SampleFeeds final : public FeedSource {
 public:
  SampleFeeds(std::unique_ptr<SampleSource> samples, InputFill fill, std::size_t input,
              DatasetConfig config, bool free_size)
      : samples_(std::move(samples)),
        fill_(std::move(fill)),
        input_(input),
        config_(std::move(config)),
        preprocessor_(config_, samples_->form()),
        free_size_(free_size) {
    tensor_shape(preprocessor_, samples_->description());
  }

  std::size_t size() const noexcept override { return samples_->size(); }
  std::int64_t classes() const noexcept override { return samples_->classes(); }
  std::string description() const override { return samples_->description(); }
  std::vector<std::string> notes() const override { return fill_.notes(); }
  std::string name(std::size_t index) const override { return samples_->name(index); }

  Feed load(std::size_t index) const override {
    if (index >= size()) {
      throw Error(ErrorCode::kInternal, fmt::format("sample {} of {} asked for", index, size()));
    }
    const std::string where = name(index);
    SampleBuffer buffer;
    const SampleView view = samples_->view(index, buffer);
    Feed feed = fill_.start();
    HostTensor& tensor = feed.inputs[input_];
    if (free_size_) {
      SampleForm form = samples_->form();
      form.grid = view.grid;
      apply(Preprocessor(config_, form), view, where, tensor);
    } else {
      apply(preprocessor_, view, where, tensor);
    }
    if (classes() > 0) feed.label = samples_->label(index);
    return feed;
  }

 private:
  const GraphValue& input() const { return fill_.inputs()[input_]; }

  std::vector<std::int64_t> tensor_shape(const Preprocessor& preprocessor,
                                         const std::string& where) const {
    std::vector<std::int64_t> dims = preprocessor.sample_shape();
    // Without a declared shape, networks take a batch.
    if (!input().has_shape) dims.insert(dims.begin(), 1);
    const auto shape = input_shape(input(), dims);
    if (shape) return *shape;
    throw Error(
        ErrorCode::kUsage,
        fmt::format("input '{}' wants {}, the samples of {} are {}; resize, crop, channels, "
                    "layout and flatten in dataset.toml change that",
                    input().name, wanted_text(input()), where,
                    tensor_text(DataType::kFloat, dims)));
  }

  void apply(const Preprocessor& preprocessor, const SampleView& view, const std::string& where,
             HostTensor& tensor) const {
    tensor.type = input().type;
    tensor.dims = tensor_shape(preprocessor, where);
    // The values are floats before they are what the input wants.
    std::vector<float> values(tensor_bytes(where, DataType::kFloat, tensor.dims) / sizeof(float));
    preprocessor.apply(view, where, values);
    tensor.bytes.resize(values.size() * (data_type_bits(tensor.type) / 8));
    if (tensor.type == DataType::kUint8) {
      std::ranges::transform(values, tensor.bytes.begin(), [](float value) {
        return static_cast<std::uint8_t>(std::clamp(std::nearbyint(value), 0.0F, 255.0F));
      });
    } else if (tensor.type == DataType::kFloat) {
      std::memcpy(tensor.bytes.data(), values.data(), tensor.bytes.size());
    } else {
      store_floats(tensor.type, values, tensor.bytes);
    }
  }

  std::unique_ptr<SampleSource> samples_;
  InputFill fill_;
  std::size_t input_;
  DatasetConfig config_;
  Preprocessor preprocessor_;
  bool free_size_;
};

}  // namespace

std::unique_ptr<FeedSource> make_sample_feeds(const FeedRequest& request,
                                              std::unique_ptr<SampleSource> samples) {
  const SampleForm& form = samples->form();
  const std::size_t input = find_input(request, form);
  InputConfigurer configurer(request.graph.inputs[input], form, request.config());
  const DatasetConfig config = configurer.run();
  InputFill fill(request.graph, request.config(), {input});
  for (const std::string& note : configurer.notes()) fill.add_note(note);
  const bool free_size = configurer.free_size();
  return std::make_unique<SampleFeeds>(std::move(samples), std::move(fill), input, config,
                                       free_size);
}

std::unique_ptr<FeedSource> open_labelled_samples(const FeedRequest& request) {
  if (has_sequence_labels(request.files)) return nullptr;
  auto samples = open_samples(request.files);
  return samples ? make_sample_feeds(request, std::move(samples)) : nullptr;
}

std::unique_ptr<FeedSource> open_pictures(const FeedRequest& request) {
  auto samples = open_unlabelled_images(request.files);
  return samples ? make_sample_feeds(request, std::move(samples)) : nullptr;
}

}  // namespace qc
