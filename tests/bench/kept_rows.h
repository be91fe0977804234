// Rows of long tables, kept between runs.
#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "bench.h"

namespace qc::bench {

/// A JSON file with what was measured, by name: that of BenchOptions::keep.
class KeptRows {
 public:
  /// Throws std::runtime_error for a file that is no JSON.
  explicit KeptRows(const BenchOptions& options);

  /// What was kept under a name, else what `measure` gives, which is kept then with the date as
  /// its member "date"; nothing where there is none and only those are wanted.
  std::optional<nlohmann::json> get(const std::string& name,
                                    const std::function<nlohmann::json()>& measure);

 private:
  std::filesystem::path path_;
  bool kept_only_;
  nlohmann::json all_ = nlohmann::json::object();
};

}  // namespace qc::bench
