#include "passes/named_amounts.h"

#include <fmt/format.h>

#include <string>

#include "core/error.h"

namespace qc {

std::map<std::size_t, double> named_amounts(const Params& params, std::string_view list,
                                            const ParamSpec& range, const Selection& selection) {
  std::map<std::size_t, double> amounts;
  for (const std::string& text : params.list(list)) {
    const std::size_t equals = text.rfind('=');
    if (equals == std::string::npos || equals == 0) {
      throw Error(ErrorCode::kUsage,
                  fmt::format("--{}: '{}' is not of the form NAME={}, as in conv1*={}", list, text,
                              range.placeholder, range.kind == ParamKind::kInteger ? "8" : "0.7"));
    }
    const std::string pattern = text.substr(0, equals);
    const std::string label = fmt::format("{} {}", list, pattern);
    ParamSpec spec = range;
    spec.name = label;
    const double amount = parse_number(spec, std::string_view(text).substr(equals + 1));
    for (const std::size_t tensor : selection.matching(list, pattern)) amounts[tensor] = amount;
  }
  return amounts;
}

}  // namespace qc
