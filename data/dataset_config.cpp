#include "data/dataset_config.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <array>
#include <string_view>

#include "core/choices.h"
#include "core/error.h"
#include "data/config_sections.h"
#include "data/config_values.h"
#include "system/file.h"
#include "system/toml_limits.h"

namespace qc {
namespace {

constexpr std::int64_t kMaxSide = 1 << 14;
constexpr std::int64_t kMaxConfigClasses = 1 << 24;

using Place = ConfigPlace;

PixelSize height_and_width(const Place& place, const toml::array& array) {
  if (array.size() != 2) place.fail("must be a number or [height, width]");
  return {.height = config_integer(place, array[0], 1, kMaxSide),
          .width = config_integer(place, array[1], 1, kMaxSide)};
}

void read_scale(const Place& place, DatasetConfig& config) {
  if (place.node.is_array()) place.fail("must be a number");
  config.scale = config_number(place, place.node);
}

void read_mean(const Place& place, DatasetConfig& config) { config.mean = config_numbers(place); }

void read_std(const Place& place, DatasetConfig& config) {
  config.std = config_numbers(place);
  for (const double value : config.std) {
    if (value <= 0) place.fail("must be above 0");
  }
}

void read_layout(const Place& place, DatasetConfig& config) {
  constexpr auto kChoices = make_choices<PixelLayout>({{"NCHW", PixelLayout::kNchw},
                                                       {"NHWC", PixelLayout::kNhwc},
                                                       {"stored", PixelLayout::kStored}});
  config.layout = config_choice(place, kChoices);
}

void read_stored_layout(const Place& place, DatasetConfig& config) {
  constexpr auto kChoices =
      make_choices<PixelLayout>({{"NCHW", PixelLayout::kNchw}, {"NHWC", PixelLayout::kNhwc}});
  config.stored_layout = config_choice(place, kChoices);
}

void read_channels(const Place& place, DatasetConfig& config) {
  constexpr auto kChoices = make_choices<Channels>(
      {{"RGB", Channels::kRgb}, {"BGR", Channels::kBgr}, {"gray", Channels::kGray}});
  config.channels = config_choice(place, kChoices);
}

void read_resize(const Place& place, DatasetConfig& config) {
  Resize resize;
  if (const toml::array* array = place.node.as_array()) {
    resize.exact = height_and_width(place, *array);
  } else {
    resize.shorter_side = config_integer(place, place.node, 1, kMaxSide);
  }
  config.resize = resize;
}

void read_crop(const Place& place, DatasetConfig& config) {
  if (const toml::array* array = place.node.as_array()) {
    config.crop = height_and_width(place, *array);
  } else {
    const std::int64_t side = config_integer(place, place.node, 1, kMaxSide);
    config.crop = PixelSize{.height = side, .width = side};
  }
}

void read_flatten(const Place& place, DatasetConfig& config) {
  const auto value = place.node.value_exact<bool>();
  if (!value) place.fail("must be true or false");
  config.flatten = *value;
}

void read_labels(const Place& place, DatasetConfig& config) {
  config.labels = config_file_name(place);
}
void read_train(const Place& place, DatasetConfig& config) {
  config.train = config_file_name(place);
}
void read_test(const Place& place, DatasetConfig& config) { config.test = config_file_name(place); }

void read_classes(const Place& place, DatasetConfig& config) {
  config.classes = config_integer(place, place.node, 1, kMaxConfigClasses);
}

constexpr std::array kKeys = {
    ConfigKey<DatasetConfig>{"scale", read_scale},
    ConfigKey<DatasetConfig>{"mean", read_mean},
    ConfigKey<DatasetConfig>{"std", read_std},
    ConfigKey<DatasetConfig>{"layout", read_layout},
    ConfigKey<DatasetConfig>{"channels", read_channels},
    ConfigKey<DatasetConfig>{"resize", read_resize},
    ConfigKey<DatasetConfig>{"crop", read_crop},
    ConfigKey<DatasetConfig>{"flatten", read_flatten},
    ConfigKey<DatasetConfig>{"labels", read_labels},
    ConfigKey<DatasetConfig>{"train", read_train},
    ConfigKey<DatasetConfig>{"test", read_test},
    ConfigKey<DatasetConfig>{"classes", read_classes},
    ConfigKey<DatasetConfig>{"stored_layout", read_stored_layout},
    ConfigKey<DatasetConfig>{"data", read_data_section},
    ConfigKey<DatasetConfig>{"inputs", read_inputs_section},
    ConfigKey<DatasetConfig>{"audio", read_audio_section},
    ConfigKey<DatasetConfig>{"text", read_text_section},
};

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
  read_config_keys(table, path, "dataset.toml", kKeys, config);
  return config;
}

}  // namespace qc
