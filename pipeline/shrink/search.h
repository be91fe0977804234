// Finds the price of a bit at which a model meets a budget.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "codecs/encode/layout.h"
#include "engine/engine.h"
#include "formats/onnx/onnx_model.h"
#include "pipeline/judgement.h"
#include "pipeline/shrink/search_memory.h"
#include "pipeline/shrink/shrinker.h"

namespace qc {

/// What is asked for: one of them.
struct ShrinkGoal {
  std::optional<std::uint64_t> target_size = {};  ///< of the container, bytes
  /// What may be lost of the agreement, or of the accuracy that the network itself has; a fraction.
  std::optional<double> max_drop = {};
  std::optional<double> min_snr = {};  ///< dB

  bool has_bound() const { return max_drop || min_snr; }
};

/// Whether a closeness is within the bound of a goal that has one.
bool keeps_bound(const ShrinkGoal& goal, const Closeness& closeness);

/// A model on the way.
struct ShrinkCandidate {
  ShrinkPoint point;
  bool lockstep = false;
  bool refined = false;  ///< see SearchOptions::refine
  /// Nothing where the search remembers the rest only; run() and make() give it.
  std::optional<OnnxModel> model;
  std::uint64_t bytes = 0;  ///< of the container, with what is reserved
  Closeness closeness;      ///< on the samples that decide
};

struct SearchOptions {
  ShrinkGoal goal;
  std::vector<double> allocations = {0, 0.25, 0.5, 1};
  bool lockstep = true;
  /// What models that were rounded in lockstep and are near the goal go through (distilled()); may
  /// be empty.
  std::function<OnnxModel(const OnnxModel& rounded)> refine;
  EncodeOptions encode;
  std::uint64_t reserved_bytes = 0;  ///< of the container, for metadata
  unsigned threads = 0;
  /// A size between (1 - tolerance) and 1 times the target is as good as met.
  double tolerance = 0.02;
  /// What was tried before is not made and judged again, and what is tried is added; may be null.
  SearchMemory* memory = nullptr;
  std::function<void(const ShrinkCandidate&)> on_candidate;  ///< of new ones; may be empty
  std::function<bool()> stop_requested;                      ///< may be empty
};

/// A search. First the allocation is chosen at equal estimated bits, by the closeness of models
/// whose layers are rounded independently; then lambda, by true sizes and closeness.
class ShrinkSearch {
 public:
  /// All must outlive this.
  ShrinkSearch(const OnnxModel& model, const Shrinker& shrinker, Engine& engine,
               const Judgement& judgement, const SearchOptions& options);

  /// The best model that meets the goal; where none was found, the one that comes nearest. Throws
  /// Error(kUsage) where what is not rounded takes more than the target.
  ShrinkCandidate run();

  /// The model of one point, with its size and closeness; refined where that is asked for.
  ShrinkCandidate make(const ShrinkPoint& point, bool lockstep);

 private:
  double fixed_bytes();
  double estimated_bytes(const ShrinkPoint& point);
  double lambda_for_bytes(double bytes, double allocation, double guess);
  double choose_allocation(double bytes);
  void to_size(double target);
  void to_bound();
  ShrunkModel round(const ShrinkPoint& point, bool lockstep) const;
  ShrinkCandidate rounded(const ShrinkPoint& point, bool lockstep);
  ShrinkCandidate refined(ShrinkCandidate candidate);
  void judge(ShrinkCandidate& candidate, double bits);
  std::optional<ShrinkCandidate> remembered(const ShrinkPoint& point, bool lockstep, bool refined);
  ShrinkCandidate with_model(ShrinkCandidate candidate);
  void learn_ratio(std::uint64_t bytes, double bits);
  // How bracket() makes its models.
  enum class Maker { kIndependent, kLockstep, kRefined };
  void bracket(double allocation, Maker maker, double step, double precision);
  bool meets(const ShrinkCandidate& candidate) const;
  bool is_better(const ShrinkCandidate& one, const ShrinkCandidate& other) const;
  void keep(ShrinkCandidate candidate);

  const OnnxModel& model_;
  const Shrinker& shrinker_;
  Engine& engine_;
  const Judgement& judgement_;
  const SearchOptions& options_;
  SearchMemory own_memory_;
  SearchMemory& memory_;
  std::optional<ShrinkCandidate> best_;
  std::optional<ShrinkCandidate> chosen_;  // by choose_allocation(), for a search that starts there
  std::optional<double> fixed_bytes_;
  double ratio_ = 1;  // of true bytes to estimated ones
  double lambda_ = 1e-6;
  bool interrupted_ = false;
};

}  // namespace qc
