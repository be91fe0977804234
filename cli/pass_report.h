// What a pass did, for people and for programs.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "passes/pass.h"

namespace qc {

/// A row for each tensor that changed, then what was left alone, and the notes.
std::string pass_text(const PassReport& report, bool verbose);

/// "changed", "untouched", "notes" and, where it matters, "seed".
nlohmann::ordered_json pass_json(const PassReport& report);

}  // namespace qc
