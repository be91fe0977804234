// The table of passes: lossy steps from model to model.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "formats/onnx/onnx_model.h"
#include "passes/kernels/weight_form.h"
#include "passes/params.h"

namespace qc {

class CalibrationSource;

/// What a pass did to one tensor.
struct TensorReport {
  std::string name;
  std::string op;
  std::vector<std::int64_t> dims;
  std::uint64_t count = 0;
  std::uint64_t nonzero_before = 0;
  std::uint64_t nonzero_after = 0;
  std::uint64_t distinct_after = 0;  ///< distinct bit patterns, zero included
  double rmse = 0;                   ///< root mean square of (after - before)
  double max_error = 0;              ///< largest |after - before|
  int iterations = 0;                ///< of an iterative solver, 0 when there is none
  double threshold = 0;              ///< magnitude below which weights were zeroed, 0 when unused
};

/// A tensor that a pass left alone, and why.
struct SkippedTensor {
  std::string name;
  std::uint64_t count = 0;
  std::string reason;
};

/// Something that a pass took out or made smaller while the model computes the same.
struct Cleanup {
  std::string what;                ///< "nodes that nothing uses"
  std::vector<std::string> names;  ///< of each, where they have names
  std::uint64_t count = 0;
  std::int64_t bytes = 0;  ///< that the files lose
  bool packed = false;     ///< `bytes` is an estimate of what the packed file loses instead
};

/// Channels that a pass looked at together: removing one removes a slice of everything that is tied
/// to it.
struct ChannelReport {
  std::vector<std::string> weights;  ///< that make them
  std::size_t tied = 0;              ///< other constants that are cut, too
  std::size_t before = 0;
  std::size_t after = 0;
};

/// What removing channels made of a model.
struct ChannelsReport {
  std::vector<ChannelReport> groups;
  std::uint64_t weights_before = 0;  ///< elements of weights, biases and norm parameters
  std::uint64_t weights_after = 0;
  std::uint64_t multiplications_before = 0;  ///< with weights, for one input
  std::uint64_t multiplications_after = 0;
};

struct PassReport {
  std::vector<TensorReport> changed;
  std::optional<ChannelsReport> channels;
  std::vector<SkippedTensor> skipped;  ///< float tensors only
  std::vector<Cleanup> cleanups;
  std::vector<std::string> notes;  ///< one line each, for the user
  std::uint64_t seed = 0;          ///< meaningful where `seeded`
  bool seeded = false;
};

/// A tensor that a pass puts into a low-bit form.
struct FormedTensor {
  std::size_t tensor = 0;  ///< index into OnnxModel::tensors()
  WeightForm form;
};

/// Which structure of a model training keeps.
enum class Keep {
  kNothing,
  kZeros,   ///< pruned weights stay zero
  kShared,  ///< and equal weights stay equal
  kAuto,  ///< kShared for tensors with at most half as many values as nonzero weights, else kZeros
};

/// A default that stands in place of the one in a parameter's spec.
struct ParamDefault {
  std::string_view name;
  std::string_view value;
};

/// How a model is fine-tuned after a pass.
struct FineTuning {
  Keep keep = Keep::kZeros;
  /// Of parameters of training, instead of those that all training has.
  std::span<const ParamDefault> defaults = {};
  /// For TrainOptions::gradient_bits; null for a pass that has no say in gradients.
  int (*gradient_bits)(const Params& params) = nullptr;
};

/// A pass that goes in several repetitions, each with fine-tuning, to what its parameters ask for.
struct Growth {
  std::string_view steps_help;     ///< of --steps, the number of repetitions
  std::string_view schedule_help;  ///< of --schedule, how fast it goes there
  /// Parameters that go a fraction of the way from what `start` has already to what
  /// `params` ask for; null for a pass that is not repeated. Throws as Pass::run does.
  Params (*part_way)(const OnnxModel& start, const Params& params, double fraction) = nullptr;
  /// True where parameters ask for a share of what is left, so that the last repetition, too, needs
  /// part_way() to reach what they ask of `start`; null where that is never so.
  bool (*counts_what_is_left)(const Params& params) = nullptr;
};

/// What a pass works with besides the model and its parameters.
struct PassContext {
  unsigned threads = 0;                      ///< see thread_count()
  CalibrationSource* calibration = nullptr;  ///< null: there are no samples
};

/// A pass: one row in the table, one file with its implementation and all that is known of it.
struct Pass {
  std::string_view name;     ///< the subcommand
  std::string_view suffix;   ///< of the default output name: model.SUFFIX.onnx
  std::string_view help;     ///< one line
  std::string_view example;  ///< a command line
  std::span<const ParamSpec> params;
  /// Throws Error(kUsage) for parameters that `run` refuses whatever the model; null where it
  /// refuses none.
  void (*check)(const Params& params) = nullptr;
  /// Computes new payloads; never touches the model. Throws Error(kUsage) for parameters that do
  /// not go together, names that match no tensor and samples that are missing. The result does not
  /// depend on the number of threads.
  PassReport (*run)(const OnnxModel& model, const Params& params, const PassContext& context,
                    PayloadEdits& edits);
  /// True when the pass needs PassContext::calibration with these parameters; null where it never
  /// does.
  bool (*calibrates)(const Params& params) = nullptr;
  /// Changes the graph, before `run`; null for a pass that changes values only. Nothing where there
  /// is nothing to change. Adds to the report. Throws as `run` does.
  std::optional<OnnxModel> (*rewrite)(const OnnxModel& model, const Params& params,
                                      const PassContext& context, PassReport& report) = nullptr;
  /// The forms that `run` gives to tensors, for training that keeps to them; null for a pass
  /// without.
  std::vector<FormedTensor> (*forms)(const OnnxModel& model, const Params& params) = nullptr;
  /// The network computes the same as before: there is nothing to train afterwards.
  bool exact = false;
  FineTuning fine_tuning = {};  ///< of no use to an exact pass
  Growth growth = {};
};

/// What a pass makes of a model, before any training.
struct PassResult {
  std::optional<OnnxModel> rewritten;  ///< with the graph that the pass changes, where it does
  PayloadEdits edits;                  ///< of that one, else of the input
  PassReport report;

  const OnnxModel& base(const OnnxModel& input) const { return rewritten ? *rewritten : input; }
  OnnxModel model(const OnnxModel& input) const { return base(input).edited(edits); }
};

/// Rewrites the graph where the pass does, and runs it. Throws as these do.
PassResult apply_pass(const Pass& pass, const OnnxModel& input, const Params& params,
                      const PassContext& context);

/// Every pass, in the order of the help.
std::span<const Pass> pass_table() noexcept;

/// The rows, each defined in the file of its pass.
extern const Pass kPrunePass;
extern const Pass kSharePass;
extern const Pass kTernarizePass;
extern const Pass kBinarizePass;
extern const Pass kDorefaPass;
extern const Pass kTidyPass;

}  // namespace qc
