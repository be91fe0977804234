#include "data/dataset_config.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <array>
#include <cmath>
#include <string_view>

#include "core/choices.h"
#include "core/error.h"
#include "system/file.h"
#include "system/toml_limits.h"

namespace qc {
namespace {

constexpr std::int64_t kMaxSide = 1 << 14;
constexpr std::int64_t kMaxConfigClasses = 1 << 24;

// Where a value stands, for messages.
struct Place {
  std::string file;
  std::string_view key;
  const toml::node& node;

  [[noreturn]] void fail(const std::string& message) const {
    throw Error(ErrorCode::kUsage,
                fmt::format("{}:{}: {} {}", file, node.source().begin.line, key, message));
  }
};

double number(const Place& place, const toml::node& node) {
  const auto value = node.is_number() ? node.value<double>() : std::nullopt;
  if (!value || !std::isfinite(*value)) place.fail("must be a number, or an array of numbers");
  return *value;
}

std::vector<double> numbers(const Place& place) {
  const toml::array* array = place.node.as_array();
  if (array == nullptr) return {number(place, place.node)};
  std::vector<double> values;
  for (const toml::node& node : *array) values.push_back(number(place, node));
  if (values.empty()) place.fail("must not be an empty array");
  return values;
}

std::int64_t integer(const Place& place, const toml::node& node, std::int64_t most) {
  const toml::value<std::int64_t>* value = node.as_integer();
  if (value == nullptr || value->get() < 1 || value->get() > most) {
    place.fail(fmt::format("must be a whole number from 1 to {}", most));
  }
  return value->get();
}

PixelSize height_and_width(const Place& place, const toml::array& array) {
  if (array.size() != 2) place.fail("must be a number or [height, width]");
  return {.height = integer(place, array[0], kMaxSide),
          .width = integer(place, array[1], kMaxSide)};
}

std::filesystem::path file_name(const Place& place) {
  const auto name = place.node.value_exact<std::string>();
  if (!name || name->empty()) place.fail("must be the name of a file or folder, in quotes");
  return *name;
}

template <typename Value, std::size_t kCount>
Value one_of(const Place& place, const Choices<Value, kCount>& choices) {
  const auto text = place.node.value_exact<std::string_view>();
  const std::optional<Value> value = text ? choices.find(*text) : std::nullopt;
  if (value) return *value;
  std::string known;
  for (const std::string_view name : choices.names()) {
    known += fmt::format("{}\"{}\"", known.empty() ? "" : ", ", name);
  }
  place.fail("must be one of " + known);
}

void read_scale(const Place& place, DatasetConfig& config) {
  if (place.node.is_array()) place.fail("must be a number");
  config.scale = number(place, place.node);
}

void read_mean(const Place& place, DatasetConfig& config) { config.mean = numbers(place); }

void read_std(const Place& place, DatasetConfig& config) {
  config.std = numbers(place);
  for (const double value : config.std) {
    if (value <= 0) place.fail("must be above 0");
  }
}

void read_layout(const Place& place, DatasetConfig& config) {
  constexpr auto kChoices = make_choices<PixelLayout>({{"NCHW", PixelLayout::kNchw},
                                                       {"NHWC", PixelLayout::kNhwc},
                                                       {"stored", PixelLayout::kStored}});
  config.layout = one_of(place, kChoices);
}

void read_stored_layout(const Place& place, DatasetConfig& config) {
  constexpr auto kChoices =
      make_choices<PixelLayout>({{"NCHW", PixelLayout::kNchw}, {"NHWC", PixelLayout::kNhwc}});
  config.stored_layout = one_of(place, kChoices);
}

void read_channels(const Place& place, DatasetConfig& config) {
  constexpr auto kChoices = make_choices<Channels>(
      {{"RGB", Channels::kRgb}, {"BGR", Channels::kBgr}, {"gray", Channels::kGray}});
  config.channels = one_of(place, kChoices);
}

void read_resize(const Place& place, DatasetConfig& config) {
  Resize resize;
  if (const toml::array* array = place.node.as_array()) {
    resize.exact = height_and_width(place, *array);
  } else {
    resize.shorter_side = integer(place, place.node, kMaxSide);
  }
  config.resize = resize;
}

void read_crop(const Place& place, DatasetConfig& config) {
  if (const toml::array* array = place.node.as_array()) {
    config.crop = height_and_width(place, *array);
  } else {
    const std::int64_t side = integer(place, place.node, kMaxSide);
    config.crop = PixelSize{.height = side, .width = side};
  }
}

void read_flatten(const Place& place, DatasetConfig& config) {
  const auto value = place.node.value_exact<bool>();
  if (!value) place.fail("must be true or false");
  config.flatten = *value;
}

void read_labels(const Place& place, DatasetConfig& config) { config.labels = file_name(place); }
void read_train(const Place& place, DatasetConfig& config) { config.train = file_name(place); }
void read_test(const Place& place, DatasetConfig& config) { config.test = file_name(place); }

void read_classes(const Place& place, DatasetConfig& config) {
  config.classes = integer(place, place.node, kMaxConfigClasses);
}

struct Key {
  std::string_view name;
  void (*read)(const Place&, DatasetConfig&);
};

constexpr std::array kKeys = {
    Key{"scale", read_scale},
    Key{"mean", read_mean},
    Key{"std", read_std},
    Key{"layout", read_layout},
    Key{"channels", read_channels},
    Key{"resize", read_resize},
    Key{"crop", read_crop},
    Key{"flatten", read_flatten},
    Key{"labels", read_labels},
    Key{"train", read_train},
    Key{"test", read_test},
    Key{"classes", read_classes},
    Key{"stored_layout", read_stored_layout},
};

void read_key(const Place& place, DatasetConfig& config) {
  std::string known;
  for (const Key& key : kKeys) {
    if (key.name == place.key) return key.read(place, config);
    known += fmt::format("{}{}", known.empty() ? "" : ", ", key.name);
  }
  place.fail("is not a key of dataset.toml; known are " + known);
}

}  // namespace

DatasetConfig read_dataset_config(const std::filesystem::path& path) {
  const MappedFile file(path);
  return parse_dataset_config(as_text(file.bytes()), path.string());
}

DatasetConfig parse_dataset_config(std::string_view text, const std::string& path) {
  require_toml_within_limits(text, path);
  toml::table table;
  try {
    table = toml::parse(text, path);
  } catch (const toml::parse_error& error) {
    throw Error(ErrorCode::kUsage,
                fmt::format("{}:{}: {}", path, error.source().begin.line, error.description()));
  }
  DatasetConfig config;
  for (const auto& [key, node] : table) {
    read_key({.file = path, .key = key.str(), .node = node}, config);
  }
  return config;
}

}  // namespace qc
