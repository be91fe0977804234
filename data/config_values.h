// Values of dataset.toml, checked, with messages that name file, line and key.
#pragma once

#include <fmt/format.h>
#include <toml++/toml.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/choices.h"

namespace qc {

/// Where a value stands.
struct ConfigPlace {
  std::string file;
  std::string key;
  const toml::node& node;

  /// Throws Error(kUsage): "FILE:LINE: KEY " and the message.
  [[noreturn]] void fail(const std::string& message) const;
};

// Each throws Error(kUsage) when the value is not of its kind.

double config_number(const ConfigPlace& place, const toml::node& node);
/// One number, or an array that is not empty.
std::vector<double> config_numbers(const ConfigPlace& place);
std::int64_t config_integer(const ConfigPlace& place, const toml::node& node, std::int64_t least,
                            std::int64_t most);
std::string config_text(const ConfigPlace& place, std::string_view what);
std::filesystem::path config_file_name(const ConfigPlace& place);
const toml::table& config_table(const ConfigPlace& place);

template <typename Value, std::size_t kCount>
Value config_choice(const ConfigPlace& place, const Choices<Value, kCount>& choices) {
  const auto text = place.node.value_exact<std::string_view>();
  const std::optional<Value> value = text ? choices.find(*text) : std::nullopt;
  if (value) return *value;
  std::string known;
  for (const std::string_view name : choices.names()) {
    known += fmt::format("{}\"{}\"", known.empty() ? "" : ", ", name);
  }
  place.fail("must be one of " + known);
}

/// A key of a table and what reads its value.
template <typename Config>
struct ConfigKey {
  std::string_view name;
  void (*read)(const ConfigPlace&, Config&);
};

/// Reads every key of a table, which `where` names in messages.
template <typename Config, std::size_t kCount>
void read_config_keys(const toml::table& table, const std::string& file, std::string_view where,
                      const std::array<ConfigKey<Config>, kCount>& keys, Config& config) {
  for (const auto& [name, node] : table) {
    const ConfigPlace place{.file = file, .key = std::string(name.str()), .node = node};
    const ConfigKey<Config>* found = nullptr;
    std::string known;
    for (const ConfigKey<Config>& key : keys) {
      if (key.name == place.key) found = &key;
      known += fmt::format("{}{}", known.empty() ? "" : ", ", key.name);
    }
    if (found == nullptr) {
      place.fail(fmt::format("is not a key of {}; known are {}", where, known));
    }
    found->read(place, config);
  }
}

}  // namespace qc
