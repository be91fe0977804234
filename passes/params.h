// Parameters of a pass, declared once as data: the command line makes its flags from them, and a
// recipe can be checked against them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/choices.h"

namespace qc {

enum class ParamKind {
  kNumber,   ///< a real number from min to max
  kInteger,  ///< a whole number in [min, max]
  kChoice,   ///< one of `choices`, the names of a table of Choices where there is one
  kList,     ///< text, may be given several times
  kFlag,     ///< "true" or "false"; on the command line given without a value
};

/// One parameter: its name without dashes ("rate"), what it takes and what it does.
struct ParamSpec {
  std::string_view name;
  ParamKind kind;
  std::string_view placeholder;  ///< "RATE", shown in the help
  std::string_view help;
  double min = 0;
  double max = 0;  ///< infinity: no upper limit
  bool min_exclusive = false;
  bool max_exclusive = false;
  std::span<const std::string_view> choices = {};
  std::string_view default_text = {};  ///< shown in the help; empty: the parameter is optional
};

/// A number of bits from 1 to `most`; without a default it is optional.
constexpr ParamSpec bits_param(std::string_view name, double most, std::string_view help,
                               std::string_view default_text = {}) {
  return {.name = name,
          .kind = ParamKind::kInteger,
          .placeholder = "BITS",
          .help = help,
          .min = 1,
          .max = most,
          .default_text = default_text};
}

/// The real number `text` stands for, independent of the locale. Throws Error(kUsage) naming the
/// parameter when it is not one finite number or lies outside the limits of `spec`.
double parse_number(const ParamSpec& spec, std::string_view text);

/// Values given for parameters. Setting checks them against the spec.
class Params {
 public:
  explicit Params(std::span<const ParamSpec> specs) : specs_(specs) {}

  /// Parses and stores a value, replacing an earlier one, or adds it to a list. Throws
  /// Error(kUsage) with the parameter's name, what was given and what is allowed.
  void set(std::string_view name, const std::string& text);

  /// True when a value was given; a default does not count.
  bool has(std::string_view name) const;
  /// The value given, else the default of the spec, else nothing.
  std::optional<double> number(std::string_view name) const;
  std::optional<std::int64_t> integer(std::string_view name) const;
  /// The choice given, else the default, else an empty string.
  std::string choice(std::string_view name) const;
  /// What it stands for in the table that the spec has its choices from; nothing where none was
  /// given and there is no default.
  template <typename Value, std::size_t kCount>
  std::optional<Value> choice(std::string_view name, const Choices<Value, kCount>& table) const {
    return table.find(choice(name));
  }
  /// True when a flag was given and not as "false".
  bool flag(std::string_view name) const;
  /// The values given, in order.
  std::vector<std::string> list(std::string_view name) const;

  std::span<const ParamSpec> specs() const noexcept { return specs_; }

 private:
  const ParamSpec& spec(std::string_view name) const;
  std::optional<std::string> text(std::string_view name) const;

  std::span<const ParamSpec> specs_;
  std::map<std::string, std::vector<std::string>, std::less<>> values_;
};

}  // namespace qc
