// Rows of long tables, kept between runs.
#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>

namespace qc::bench {

/// A JSON file with what was measured, by name.
class KeptRows {
 public:
  /// Without a path nothing is kept. Throws std::runtime_error for a file that is no JSON.
  explicit KeptRows(std::filesystem::path path);

  /// What was kept under a name, else what `measure` gives, which is kept then with the date as
  /// its member "date".
  nlohmann::json get(const std::string& name, const std::function<nlohmann::json()>& measure);

 private:
  std::filesystem::path path_;
  nlohmann::json all_ = nlohmann::json::object();
};

}  // namespace qc::bench
