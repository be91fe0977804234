#include "emit/runtimes.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <toml++/toml.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <string_view>

#include "core/error.h"

namespace qc {
namespace {

constexpr unsigned char kTable[] = {
#include "runtimes.inc"
};

constexpr std::string_view kAny = "any";

using Version = std::vector<int>;

// "1.20.1"; nothing where it is no version.
std::optional<Version> parse_version(std::string_view text) {
  Version version;
  for (const char* at = text.data(); at != nullptr;) {
    int number = 0;
    const char* end = text.data() + text.size();
    const auto [after, error] = std::from_chars(at, end, number);
    if (error != std::errc() || number < 0) return std::nullopt;
    version.push_back(number);
    if (after == end) return version;
    if (*after != '.') return std::nullopt;
    at = after + 1;
  }
  return std::nullopt;
}

// By form the first version that runs it.
struct Runtime {
  std::string name;
  std::map<std::string, Version, std::less<>> forms;

  bool runs(const TensorForm& form, const std::optional<Version>& version) const {
    const auto found = forms.find(form.name);
    if (found == forms.end()) return false;
    return !version || *version >= found->second;
  }
};

std::vector<Runtime> read_table() {
  const std::string_view text(reinterpret_cast<const char*>(kTable), sizeof kTable);
  std::vector<Runtime> runtimes;
  for (const auto& [name, node] : toml::parse(text)) {
    const toml::table* table = node.as_table();
    if (table == nullptr) continue;
    Runtime runtime{std::string(name.str()), {}};
    for (const TensorForm& form : tensor_forms()) {
      const auto since = (*table)[form.name].value<std::string>();
      if (!since) continue;
      const auto version = parse_version(*since);
      if (!version) throw Error(ErrorCode::kInternal, "runtimes.toml: a version that is none");
      runtime.forms.emplace(form.name, *version);
    }
    runtimes.push_back(std::move(runtime));
  }
  return runtimes;
}

}  // namespace

std::vector<std::string> runtime_names() {
  std::vector<std::string> names;
  for (const Runtime& runtime : read_table()) names.push_back(runtime.name);
  names.emplace_back(kAny);
  return names;
}

std::function<bool(const TensorForm& form)> forms_for(const std::string& target) {
  std::vector<Runtime> runtimes = read_table();
  const std::size_t colon = target.find(':');
  const std::string name = target.substr(0, colon);
  std::optional<Version> version;
  if (colon != std::string::npos) {
    version = parse_version(std::string_view(target).substr(colon + 1));
    if (!version || name == kAny) {
      throw Error(ErrorCode::kUsage,
                  fmt::format("--for {}: a version is numbers with dots, after the name of one "
                              "runtime, such as onnxruntime:1.20",
                              target));
    }
  }
  if (name != kAny) {
    std::erase_if(runtimes, [&](const Runtime& runtime) { return runtime.name != name; });
    if (runtimes.empty()) {
      throw Error(ErrorCode::kUsage, fmt::format("--for {}: it is one of {}, with a version or "
                                                 "without (onnxruntime:1.20)",
                                                 target, fmt::join(runtime_names(), ", ")));
    }
  }
  return [runtimes, version](const TensorForm& form) {
    return std::ranges::all_of(runtimes,
                               [&](const Runtime& runtime) { return runtime.runs(form, version); });
  };
}

}  // namespace qc
