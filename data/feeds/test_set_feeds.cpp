// The test data of ONNX's models: a folder for each sample, a file for each input and output.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

#include "core/error.h"
#include "data/feeds/feed_kinds.h"
#include "data/feeds/input_fill.h"
#include "data/feeds/input_types.h"
#include "formats/onnx/tensor_file.h"
#include "system/file.h"

namespace qc {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSetPrefix = "test_data_set_";

// The number between a prefix and a suffix; nothing for other names.
std::optional<std::size_t> number_in(std::string_view name, std::string_view prefix,
                                     std::string_view suffix) {
  if (!name.starts_with(prefix) || !name.ends_with(suffix)) return std::nullopt;
  if (name.size() <= prefix.size() + suffix.size()) return std::nullopt;
  const std::string_view digits =
      name.substr(prefix.size(), name.size() - prefix.size() - suffix.size());
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return number;
}

struct Numbered {
  std::size_t number;
  fs::path path;
};

// What is in a folder under such names, by number.
std::vector<Numbered> numbered_entries(const fs::path& folder, std::string_view prefix,
                                       std::string_view suffix) {
  std::vector<Numbered> found;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (const auto number = number_in(entry.path().filename().string(), prefix, suffix)) {
      found.push_back({.number = *number, .path = entry.path()});
    }
  }
  std::ranges::sort(found, {}, [](const Numbered& each) {
    return std::pair(each.number, each.path.filename().string());
  });
  return found;
}

TensorFile read_file(const fs::path& path) {
  const MappedFile file(path);
  return read_tensor_file(file.bytes(), path.string());
}

// The value that a file is for: by the name in the file, else by the number of the file.
std::optional<std::size_t> find_value(const std::vector<GraphValue>& values,
                                      const std::string& name, std::size_t number) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!name.empty() && values[i].name == name) return i;
  }
  return number < values.size() ? std::optional(number) : std::nullopt;
}

struct GivenInput {
  std::size_t input;
  HostTensor tensor;
  std::string file;
};

std::vector<GivenInput> read_inputs(const fs::path& set, const std::vector<GraphValue>& inputs) {
  std::vector<GivenInput> given;
  for (const Numbered& each : numbered_entries(set, "input_", ".pb")) {
    const std::string file = each.path.string();
    if (each.number < inputs.size() && inputs[each.number].type == DataType::kUndefined) {
      throw Error(
          ErrorCode::kUnsupported,
          fmt::format("input '{}' is no tensor but a sequence, a map or optional: {} is not "
                      "read",
                      inputs[each.number].name, file));
    }
    TensorFile read = read_file(each.path);
    const auto input = find_value(inputs, read.name, each.number);
    if (!input) {
      throw Error(ErrorCode::kUsage, fmt::format("{} is for no input of the network, which has {}",
                                                 file, inputs.size()));
    }
    for (const GivenInput& other : given) {
      if (other.input != *input) continue;
      throw Error(ErrorCode::kUsage, fmt::format("{} and {} are both for input '{}'", other.file,
                                                 file, inputs[*input].name));
    }
    given.push_back({.input = *input, .tensor = std::move(read.tensor), .file = file});
  }
  return given;
}

class TestSetFeeds final : public FeedSource {
 public:
  TestSetFeeds(InputFill fill, std::vector<std::size_t> filled, std::vector<GraphValue> outputs,
               std::vector<fs::path> sets, std::string description)
      : fill_(std::move(fill)),
        filled_(std::move(filled)),
        outputs_(std::move(outputs)),
        sets_(std::move(sets)),
        description_(std::move(description)) {}

  std::size_t size() const noexcept override { return sets_.size(); }
  std::int64_t classes() const noexcept override { return 0; }
  std::string description() const override { return description_; }
  std::vector<std::string> notes() const override { return fill_.notes(); }
  std::string name(std::size_t index) const override { return sets_.at(index).string(); }

  Feed load(std::size_t index) const override {
    const fs::path& set = sets_.at(index);
    Feed feed = fill_.start();
    std::vector<GivenInput> given = read_inputs(set, fill_.inputs());
    for (GivenInput& each : given) {
      feed.inputs[each.input] = suit(fill_.inputs()[each.input], std::move(each.tensor), each.file);
    }
    for (const std::size_t input : filled_) {
      if (std::ranges::find(given, input, &GivenInput::input) != given.end()) continue;
      throw Error(ErrorCode::kUsage,
                  fmt::format("{} has no file for input '{}', as {} has", set.string(),
                              fill_.inputs()[input].name, sets_.front().string()));
    }
    for (const Numbered& each : numbered_entries(set, "output_", ".pb")) {
      const bool is_tensor =
          each.number >= outputs_.size() || outputs_[each.number].type != DataType::kUndefined;
      if (!is_tensor) continue;  // a sequence, a map or something optional
      TensorFile read = read_file(each.path);
      const auto output = find_value(outputs_, read.name, each.number);
      feed.expected.push_back(
          {.name = output ? outputs_[*output].name : fmt::format("output_{}", each.number),
           .tensor = std::move(read.tensor)});
    }
    return feed;
  }

 private:
  InputFill fill_;
  std::vector<std::size_t> filled_;
  std::vector<GraphValue> outputs_;
  std::vector<fs::path> sets_;
  std::string description_;
};

}  // namespace

std::unique_ptr<FeedSource> open_test_sets(const FeedRequest& request) {
  const fs::path& root = request.where();
  if (!fs::is_directory(root)) return nullptr;
  std::vector<fs::path> sets;
  for (const Numbered& each : numbered_entries(root, kSetPrefix, "")) {
    if (fs::is_directory(each.path)) sets.push_back(each.path);
  }
  if (sets.empty() && !numbered_entries(root, "input_", ".pb").empty()) sets.push_back(root);
  if (sets.empty()) return nullptr;
  std::vector<std::size_t> filled;
  for (const GivenInput& each : read_inputs(sets.front(), request.graph.inputs)) {
    filled.push_back(each.input);
  }
  if (filled.empty() && !request.graph.inputs.empty()) {
    throw Error(ErrorCode::kUsage, fmt::format("{} has no input_0.pb", sets.front().string()));
  }
  return std::make_unique<TestSetFeeds>(InputFill(request.graph, request.config(), filled), filled,
                                        request.graph.outputs, std::move(sets),
                                        fmt::format("ONNX test data in {}", root.string()));
}

}  // namespace qc
