// Names of values, as they stand on the command line and in files.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

namespace qc {

/// A name and what it stands for.
template <typename Value>
struct Choice {
  std::string_view name;
  Value value;
};

/// A table of them, for an object in static storage.
template <typename Value, std::size_t kCount>
class Choices {
 public:
  constexpr explicit Choices(const Choice<Value> (&rows)[kCount]) noexcept {
    std::ranges::transform(rows, names_.begin(), &Choice<Value>::name);
    std::ranges::transform(rows, values_.begin(), &Choice<Value>::value);
  }

  /// In the order of the table; valid as long as this is.
  constexpr std::span<const std::string_view> names() const noexcept { return names_; }

  /// What a name stands for; nothing for a name that is not in the table.
  constexpr std::optional<Value> find(std::string_view name) const noexcept {
    const auto found = std::ranges::find(names_, name);
    if (found == names_.end()) return std::nullopt;
    return values_[static_cast<std::size_t>(found - names_.begin())];
  }

  /// The first name that stands for a value; empty where none does.
  constexpr std::string_view name_of(const Value& value) const noexcept {
    const auto found = std::ranges::find(values_, value);
    if (found == values_.end()) return {};
    return names_[static_cast<std::size_t>(found - values_.begin())];
  }

 private:
  std::array<std::string_view, kCount> names_{};
  std::array<Value, kCount> values_{};
};

/// make_choices<Color>({{"red", Color::kRed}, {"blue", Color::kBlue}})
template <typename Value, std::size_t kCount>
constexpr Choices<Value, kCount> make_choices(const Choice<Value> (&rows)[kCount]) noexcept {
  return Choices<Value, kCount>(rows);
}

}  // namespace qc
