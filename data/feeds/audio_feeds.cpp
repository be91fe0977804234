// Recordings, whole or in windows.
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "core/error.h"
#include "core/float_types.h"
#include "data/blob.h"
#include "data/feeds/audio_file.h"
#include "data/feeds/file_labels.h"
#include "data/feeds/input_fill.h"
#include "data/feeds/input_types.h"
#include "data/feeds/sequence_input.h"
#include "data/split_folder.h"

namespace qc {
namespace {

namespace fs = std::filesystem;

bool takes_audio(const GraphValue& input) {
  return is_value_type(input.type) && sequence_shape(input).has_value();
}

struct Recording {
  fs::path path;
  std::int64_t length = 0;
  std::size_t end = 0;  // windows of all recordings up to this one
};

class AudioFeeds final : public FeedSource {
 public:
  /// `window`: values; absent: the whole recording.
  AudioFeeds(const FeedRequest& request, std::vector<fs::path> files, std::size_t input,
             std::optional<std::int64_t> window)
      : fill_(request.graph, request.config(), {input}),
        input_(input),
        shape_(*sequence_shape(request.graph.inputs[input])),
        window_(window),
        hop_(request.config().audio.hop.value_or(window.value_or(1))),
        labels_(read_file_labels(request.files, files)),
        description_(fmt::format("recordings in {}", files.front().parent_path().string())) {
    std::optional<std::int64_t> rate = request.config().audio.rate;
    const bool configured = rate.has_value();
    std::size_t end = 0;
    for (fs::path& path : files) {
      const AudioFile file(path);
      if (!rate) rate = file.rate();
      if (file.rate() != *rate) {
        throw Error(ErrorCode::kUsage,
                    fmt::format("{} has {} Hz, {} {} Hz; resample it, for example with: sox IN -r "
                                "{} OUT",
                                path.string(), file.rate(),
                                configured ? "[audio] of dataset.toml wants" : "the others have",
                                *rate, *rate));
      }
      end += windows_in(file.length());
      recordings_.push_back({.path = std::move(path), .length = file.length(), .end = end});
    }
    add_notes(configured, *rate);
  }

  std::size_t size() const noexcept override { return recordings_.back().end; }
  std::int64_t classes() const noexcept override { return labels_.classes; }
  std::string description() const override { return description_; }
  std::vector<std::string> notes() const override { return fill_.notes(); }
  std::string name(std::size_t index) const override {
    const auto [recording, window] = place(index);
    std::string path = recordings_[recording].path.string();
    if (!window_) return path;
    return fmt::format("values {} to {} of {}", window * hop_, window * hop_ + *window_, path);
  }

  Feed load(std::size_t index) const override {
    const auto [number, window] = place(index);
    const Recording& recording = recordings_[number];
    const GraphValue& input = fill_.inputs()[input_];
    Feed feed = fill_.start();
    HostTensor& tensor = feed.inputs[input_];
    tensor.type = input.type;
    tensor.dims = shape_.of_length(window_.value_or(recording.length));
    const std::size_t bytes = tensor_bytes(recording.path.string(), DataType::kFloat, tensor.dims);
    std::vector<float> values(bytes / sizeof(float));
    const std::int64_t begin = window * hop_;
    const auto there = std::min(values.size(), static_cast<std::size_t>(recording.length - begin));
    AudioFile(recording.path).read(begin, std::span(values).first(there));
    tensor.bytes.resize(values.size() * (data_type_bits(tensor.type) / 8));
    store_floats(tensor.type, values, tensor.bytes);
    if (!labels_.labels.empty()) feed.label = labels_.labels[number];
    return feed;
  }

 private:
  struct Place {
    std::size_t recording;
    std::int64_t window;
  };

  // What is too short for a window at the end is left out, unless it is the whole recording.
  std::size_t windows_in(std::int64_t length) const {
    if (!window_ || length <= *window_) return 1;
    return static_cast<std::size_t>((length - *window_) / hop_ + 1);
  }

  Place place(std::size_t index) const {
    if (index >= size()) {
      throw Error(ErrorCode::kInternal, fmt::format("sample {} of {} asked for", index, size()));
    }
    const auto found = std::ranges::upper_bound(recordings_, index, {}, &Recording::end);
    const std::size_t before = found == recordings_.begin() ? 0 : std::prev(found)->end;
    return {.recording = static_cast<std::size_t>(found - recordings_.begin()),
            .window = static_cast<std::int64_t>(index - before)};
  }

  void add_notes(bool configured, std::int64_t rate) {
    if (!configured) {
      fill_.add_note(
          fmt::format("recordings have {} Hz; rate in [audio] of dataset.toml says what "
                      "the network wants",
                      rate));
    }
    if (window_) {
      const auto is_short = [&](const Recording& each) { return each.length < *window_; };
      const auto count = std::ranges::count_if(recordings_, is_short);
      if (count > 0) {
        fill_.add_note(
            fmt::format("{} recordings are shorter than a window of {} values and end in "
                        "silence",
                        count, *window_));
      }
    }
  }

  InputFill fill_;
  std::size_t input_;
  SequenceShape shape_;
  std::optional<std::int64_t> window_;
  std::int64_t hop_;
  FileLabels labels_;
  std::string description_;
  std::vector<Recording> recordings_;
};

}  // namespace

std::unique_ptr<FeedSource> open_recordings(const FeedRequest& request) {
  std::vector<fs::path> files = split_files(request.files, is_audio_name);
  if (files.empty()) return nullptr;
  const std::size_t index =
      choose_input(request, "recordings, which are sequences of floats", takes_audio);
  const GraphValue& input = request.graph.inputs[index];
  const auto length = sequence_shape(input)->length;
  const AudioConfig& audio = request.config().audio;
  if (audio.window && length && *audio.window != *length) {
    throw Error(ErrorCode::kUsage,
                fmt::format("input '{}' wants {}, [audio] of dataset.toml has window = {}",
                            input.name, wanted_text(input), *audio.window));
  }
  const auto window = audio.window ? audio.window : length;
  if (audio.hop && !window) {
    throw Error(ErrorCode::kUsage, "dataset.toml: [audio] has a hop without a window");
  }
  return std::make_unique<AudioFeeds>(request, std::move(files), index, window);
}

}  // namespace qc
