// Models of ../shared, as they are or pruned and shared.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace qc::bench {

struct TreatedModel {
  std::string_view title;
  std::string_view path;           ///< from the folder of models
  std::vector<std::string> prune;  ///< flags; without any, the model stays as it is
  std::vector<std::string> share;
};

/// A small network and a larger one, pruned and shared, and one as it is.
std::vector<TreatedModel> treated_models();

/// The file of the model: its own, or what prune and share make of it in `folder`.
std::filesystem::path prepared(const TreatedModel& model, const std::filesystem::path& models,
                               const std::filesystem::path& folder);

}  // namespace qc::bench
