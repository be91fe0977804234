// Placeholders in the commands of users: {model} and so on.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace qc {

/// A kind of command with its placeholders, whose values are in QCOMPRESS_NAME too.
struct CommandKind {
  std::string_view name;
  std::vector<std::string> placeholders;
};

const CommandKind& evaluation();
const CommandKind& fine_tuning();

/// By placeholder.
using PlaceholderValues = std::map<std::string, std::string>;

/// Throws Error(kUsage) for a placeholder that the kind does not have, naming those it has, and for
/// a fine-tuning command without {out} or QCOMPRESS_OUT.
void check_placeholders(const CommandKind& kind, const std::string& command);

/// The command with a quoted word for every placeholder. Requires check_placeholders().
std::string with_values(std::string_view command, const PlaceholderValues& values);

/// QCOMPRESS_OUT and so on, the variables of the environment that have the same values.
std::map<std::string, std::string> environment_of(const PlaceholderValues& values);

}  // namespace qc
