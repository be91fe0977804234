#include "data/config_values.h"

#include <cmath>

#include "core/error.h"

namespace qc {

void ConfigPlace::fail(const std::string& message) const {
  throw Error(ErrorCode::kUsage,
              fmt::format("{}:{}: {} {}", file, node.source().begin.line, key, message));
}

double config_number(const ConfigPlace& place, const toml::node& node) {
  const auto value = node.is_number() ? node.value<double>() : std::nullopt;
  if (!value || !std::isfinite(*value)) place.fail("must be a number, or an array of numbers");
  return *value;
}

std::vector<double> config_numbers(const ConfigPlace& place) {
  const toml::array* array = place.node.as_array();
  if (array == nullptr) return {config_number(place, place.node)};
  std::vector<double> values;
  for (const toml::node& node : *array) values.push_back(config_number(place, node));
  if (values.empty()) place.fail("must not be an empty array");
  return values;
}

std::int64_t config_integer(const ConfigPlace& place, const toml::node& node, std::int64_t least,
                            std::int64_t most) {
  const toml::value<std::int64_t>* value = node.as_integer();
  if (value == nullptr || value->get() < least || value->get() > most) {
    place.fail(fmt::format("must be a whole number from {} to {}", least, most));
  }
  return value->get();
}

std::string config_text(const ConfigPlace& place, std::string_view what) {
  const auto text = place.node.value_exact<std::string>();
  if (!text || text->empty()) place.fail(fmt::format("must be {}, in quotes", what));
  return *text;
}

std::filesystem::path config_file_name(const ConfigPlace& place) {
  return config_text(place, "the name of a file or folder");
}

const toml::table& config_table(const ConfigPlace& place) {
  const toml::table* table = place.node.as_table();
  if (table == nullptr) place.fail(fmt::format("must be a table: [{}]", place.key));
  return *table;
}

}  // namespace qc
