#include "kept_rows.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>
#include <stdexcept>

#include "harness.h"

namespace qc::bench {

KeptRows::KeptRows(const BenchOptions& options)
    : path_(options.keep), kept_only_(options.kept_only) {
  if (path_.empty() || !std::filesystem::exists(path_)) return;
  all_ = nlohmann::json::parse(harness::read_file(path_), nullptr, false);
  if (!all_.is_object()) {
    throw std::runtime_error(fmt::format("{} has no rows of tables", path_.string()));
  }
}

std::optional<nlohmann::json> KeptRows::get(const std::string& name,
                                            const std::function<nlohmann::json()>& measure) {
  if (all_.contains(name)) return all_.at(name);
  if (kept_only_) return std::nullopt;
  nlohmann::json measured = measure();
  measured["date"] = fmt::format("{:%Y-%m-%d}", fmt::gmtime(std::time(nullptr)));
  if (!path_.empty()) {
    all_[name] = measured;
    harness::write_file(path_, all_.dump(1));
  }
  return measured;
}

}  // namespace qc::bench
