// Scores of models that were evaluated already: no model is evaluated twice on the same data.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "formats/onnx/onnx_model.h"
#include "pipeline/score.h"

namespace qc {

/// XXH3-128 over the names and contents of a model's files, in hexadecimal digits.
std::string model_digest(const OnnxModel& model);

class ScoreMemory {
 public:
  /// The score of a model with these contents on `data`; `evaluate` is called where it is not
  /// known.
  const Score& score_of(const OnnxModel& model, std::string_view data,
                        const std::function<Score()>& evaluate);

 private:
  std::map<std::string, Score> scores_;
};

}  // namespace qc
