// The whole of `shrink`: calibration, search, certificate.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "codecs/encode/layout.h"
#include "engine/engine.h"
#include "formats/onnx/onnx_model.h"
#include "pipeline/judgement.h"
#include "pipeline/shrink/certificate.h"
#include "pipeline/shrink/search.h"
#include "pipeline/shrink/search_memory.h"

namespace qc {

/// What is asked for, and how much may be spent on it.
struct ShrinkTask {
  ShrinkGoal goal;  ///< nothing in it where there is a lambda
  /// The price of a bit, instead of a search. With the allocation and the seed of a certificate it
  /// makes the same model.
  std::optional<double> lambda;
  std::vector<double> allocations = SearchOptions().allocations;
  std::vector<std::string> exclude;  ///< globs of tensors that stay as they are
  std::uint64_t seed = 0;
  unsigned threads = 0;
  bool lockstep = true;   ///< ShrinkSearch rounds in lockstep, too
  bool distills = false;  ///< what is left free is trained
  EncodeOptions encode;
  bool keeps_certificate = true;  ///< which needs room in the container
  JudgementOptions judging;
};

/// Samples by what they are for: no sample does two things.
struct ShrinkSamples {
  RunInputs calibrate;
  RunInputs decide;
  RunInputs certify;
};

/// What is told on the way; all may be empty.
struct ShrinkEvents {
  ShrinkProgress progress;
  std::function<void(const ShrinkCandidate&)> candidate;  ///< was tried; the memory has it
  std::function<void(const std::string&)> note;
  std::function<void(const std::string&)> warning;
  std::function<void(const std::string&)> detail;  ///< for those who want to know more
  std::function<bool()> stop_requested;
};

/// Seconds of what a user waits for.
struct ShrinkTimes {
  double calibration = 0;
  double search = 0;
  double certificate = 0;
};

struct ShrinkOutcome {
  ShrinkCandidate best;  ///< with its model
  Certificate certificate;
  bool is_close = true;  ///< enough for the goal, on the samples of the certificate
  ShrinkTimes times;
};

/// The best model for a task. Where it is not as close on the samples of the certificate as asked,
/// larger ones are tried. `memory` has what was tried before, and gets the rest. Throws Error:
/// kUsage for a goal that does not fit the metric, and as Judgement, Shrinker and ShrinkSearch do.
ShrinkOutcome shrink_model(const OnnxModel& model, Engine& engine, const ShrinkSamples& samples,
                           const ShrinkTask& task, SearchMemory& memory,
                           const ShrinkEvents& events);

}  // namespace qc
