#include "data/config_sections.h"

#include <array>
#include <cmath>
#include <utility>

namespace qc {
namespace {

constexpr std::int64_t kMaxRate = 10'000'000;               // Hz
constexpr std::int64_t kMaxLength = std::int64_t{1} << 28;  // values in a sample
constexpr std::int64_t kMaxOffset = std::int64_t{1} << 40;
constexpr std::size_t kMaxRank = 32;

void read_input(const ConfigPlace& place, DatasetConfig& config) {
  config.data_input = config_text(place, "the name of an input");
}

void read_rate(const ConfigPlace& place, AudioConfig& audio) {
  audio.rate = config_integer(place, place.node, 1, kMaxRate);
}

void read_window(const ConfigPlace& place, AudioConfig& audio) {
  audio.window = config_integer(place, place.node, 1, kMaxLength);
}

void read_hop(const ConfigPlace& place, AudioConfig& audio) {
  audio.hop = config_integer(place, place.node, 1, kMaxLength);
}

void read_encoding(const ConfigPlace& place, TextConfig& text) {
  constexpr auto kChoices =
      make_choices<TextEncoding>({{"bytes", TextEncoding::kBytes}, {"utf-8", TextEncoding::kUtf8}});
  text.encoding = config_choice(place, kChoices);
}

void read_offset(const ConfigPlace& place, TextConfig& text) {
  text.offset = config_integer(place, place.node, -kMaxOffset, kMaxOffset);
}

void read_length(const ConfigPlace& place, TextConfig& text) {
  text.length = config_integer(place, place.node, 1, kMaxLength);
}

void read_pad(const ConfigPlace& place, TextConfig& text) {
  text.pad = config_integer(place, place.node, -kMaxOffset, kMaxOffset);
}

void read_default(const ConfigPlace& place, InputConfig& input) {
  constexpr double kLargestExact = 0x1p53;
  if (const auto truth = place.node.value_exact<bool>()) {
    input.value = *truth ? 1 : 0;
    return;
  }
  const auto value = place.node.is_number() ? place.node.value<double>() : std::nullopt;
  if (!value || !(std::fabs(*value) <= kLargestExact)) {
    place.fail("must be a number from -2^53 to 2^53, true or false");
  }
  input.value = *value;
}

void read_shape(const ConfigPlace& place, InputConfig& input) {
  const toml::array* array = place.node.as_array();
  if (array == nullptr || array->size() > kMaxRank) {
    place.fail("must be an array of whole numbers");
  }
  std::vector<std::int64_t> shape;
  for (const toml::node& node : *array) shape.push_back(config_integer(place, node, 0, kMaxLength));
  input.shape = std::move(shape);
}

void read_rename(const ConfigPlace& place, InputConfig& input) {
  input.rename = config_text(place, "the name of an array");
}

constexpr std::array kDataKeys = {ConfigKey<DatasetConfig>{"input", read_input}};
constexpr std::array kAudioKeys = {ConfigKey<AudioConfig>{"rate", read_rate},
                                   ConfigKey<AudioConfig>{"window", read_window},
                                   ConfigKey<AudioConfig>{"hop", read_hop}};
constexpr std::array kTextKeys = {
    ConfigKey<TextConfig>{"encoding", read_encoding}, ConfigKey<TextConfig>{"offset", read_offset},
    ConfigKey<TextConfig>{"length", read_length}, ConfigKey<TextConfig>{"pad", read_pad}};
constexpr std::array kInputKeys = {ConfigKey<InputConfig>{"default", read_default},
                                   ConfigKey<InputConfig>{"shape", read_shape},
                                   ConfigKey<InputConfig>{"rename", read_rename}};

}  // namespace

void read_data_section(const ConfigPlace& place, DatasetConfig& config) {
  read_config_keys(config_table(place), place.file, "[data]", kDataKeys, config);
}

void read_audio_section(const ConfigPlace& place, DatasetConfig& config) {
  read_config_keys(config_table(place), place.file, "[audio]", kAudioKeys, config.audio);
}

void read_text_section(const ConfigPlace& place, DatasetConfig& config) {
  read_config_keys(config_table(place), place.file, "[text]", kTextKeys, config.text);
}

void read_inputs_section(const ConfigPlace& place, DatasetConfig& config) {
  for (const auto& [name, node] : config_table(place)) {
    const std::string input(name.str());
    const std::string key = "inputs." + input;
    const ConfigPlace inside{.file = place.file, .key = key, .node = node};
    read_config_keys(config_table(inside), place.file, "[" + key + "]", kInputKeys,
                     config.inputs[input]);
  }
}

}  // namespace qc
