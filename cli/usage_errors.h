// What to tell a user whose command line is not understood.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace qc {

/// The message for an error that `app` threw while it parsed the arguments: names the command or
/// flag that there is not, with what it may have meant. Ends with a newline.
std::string usage_message(const CLI::App& app, const CLI::ParseError& error);

}  // namespace qc
