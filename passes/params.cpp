#include "passes/params.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/error.h"
#include "system/near_names.h"

namespace qc {
namespace {

[[noreturn]] void refuse(const ParamSpec& spec, const std::string& why) {
  throw Error(ErrorCode::kUsage, fmt::format("--{}: {}", spec.name, why));
}

// The value of the whole text, or nothing; std::from_chars knows no locale.
template <typename T>
std::optional<T> parse_whole(std::string_view text) {
  T value{};
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return value;
}

void require_in_range(const ParamSpec& spec, std::string_view text, double value) {
  const bool below = spec.min_exclusive ? value <= spec.min : value < spec.min;
  const bool above = spec.max_exclusive ? value >= spec.max : value > spec.max;
  if (!below && !above) return;
  if (std::isinf(spec.max)) {
    refuse(spec, fmt::format("must be {} {}, not {}", spec.min_exclusive ? "above" : "at least",
                             spec.min, text));
  }
  refuse(spec, fmt::format("{} is outside {}{}, {}{}", text, spec.min_exclusive ? '(' : '[',
                           spec.min, spec.max, spec.max_exclusive ? ')' : ']'));
}

std::int64_t parse_integer(const ParamSpec& spec, std::string_view text) {
  const auto value = parse_whole<std::int64_t>(text);
  if (!value) refuse(spec, fmt::format("'{}' is not a whole number", text));
  require_in_range(spec, text, static_cast<double>(*value));
  return *value;
}

void require_choice(const ParamSpec& spec, std::string_view text) {
  if (std::ranges::find(spec.choices, text) == spec.choices.end()) {
    refuse(spec, fmt::format("'{}' is not one of {}", text, fmt::join(spec.choices, ", ")));
  }
}

}  // namespace

double parse_number(const ParamSpec& spec, std::string_view text) {
  const auto value = parse_whole<double>(text);
  if (!value || !std::isfinite(*value)) {
    refuse(spec, fmt::format("'{}' is not a finite number", text));
  }
  require_in_range(spec, text, *value);
  return *value;
}

void Params::set(std::string_view name, const std::string& text) {
  const ParamSpec& parameter = spec(name);
  switch (parameter.kind) {
    case ParamKind::kNumber:
      parse_number(parameter, text);
      break;
    case ParamKind::kInteger:
      parse_integer(parameter, text);
      break;
    case ParamKind::kChoice:
      require_choice(parameter, text);
      break;
    case ParamKind::kFlag:
      if (text != "true" && text != "false") refuse(parameter, "is true or false");
      break;
    case ParamKind::kList:
      break;
  }
  std::vector<std::string>& values = values_[std::string(name)];
  if (parameter.kind != ParamKind::kList) values.clear();
  values.push_back(text);
}

bool Params::has(std::string_view name) const { return values_.contains(spec(name).name); }

std::optional<double> Params::number(std::string_view name) const {
  const auto value = text(name);
  return value ? std::optional(parse_number(spec(name), *value)) : std::nullopt;
}

std::optional<std::int64_t> Params::integer(std::string_view name) const {
  const auto value = text(name);
  return value ? std::optional(parse_integer(spec(name), *value)) : std::nullopt;
}

std::string Params::choice(std::string_view name) const { return text(name).value_or(""); }

bool Params::flag(std::string_view name) const { return text(name) == "true"; }

std::vector<std::string> Params::list(std::string_view name) const {
  const auto found = values_.find(spec(name).name);
  return found == values_.end() ? std::vector<std::string>{} : found->second;
}

const ParamSpec& Params::spec(std::string_view name) const {
  const auto found = std::ranges::find(specs_, name, &ParamSpec::name);
  if (found == specs_.end()) {
    std::vector<std::string> known;
    for (const ParamSpec& each : specs_) known.push_back(fmt::format("--{}", each.name));
    const std::string given = fmt::format("--{}", name);
    throw Error(ErrorCode::kUsage, fmt::format("there is no parameter {}{}", given,
                                               did_you_mean(given, known, "there are")));
  }
  return *found;
}

std::optional<std::string> Params::text(std::string_view name) const {
  const ParamSpec& parameter = spec(name);
  const auto found = values_.find(parameter.name);
  if (found != values_.end()) return found->second.back();
  if (parameter.default_text.empty()) return std::nullopt;
  return std::string(parameter.default_text);
}

}  // namespace qc
