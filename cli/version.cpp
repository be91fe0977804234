#include "cli/version.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

#include "codecs/shared/simd/cpu.h"
#include "formats/qc/decode/qc_layout.h"

namespace qc {

std::string version_text(const std::string& version, std::span<char* const> arguments) {
  const bool as_json = std::ranges::any_of(
      arguments, [](const char* argument) { return std::string_view(argument) == "--json"; });
  if (!as_json) return "qcompress " + version;
  const nlohmann::ordered_json document = {{"name", "qcompress"},
                                           {"version", version},
                                           {"format_version", kQcVersion},
                                           {"simd", simd_level_name(simd_level())}};
  return document.dump(2);
}

}  // namespace qc
