// What --version says.
#pragma once

#include <span>
#include <string>

namespace qc {

/// Of the program `version`: a line of text or, where --json is among the arguments, a document
/// that also has the version of the container's format and the vectors that the decoder uses here.
std::string version_text(const std::string& version, std::span<char* const> arguments);

}  // namespace qc
