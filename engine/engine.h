// What executes and trains networks. The one implementation, on libtorch, is a module of its own
// that is opened when first needed (open_engine), so everything that needs no network to run starts
// at once and works where libtorch is not installed. The module and the program share these types
// and nothing else.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/host_tensor.h"
#include "data/batches.h"
#include "engine/calibration_jobs.h"
#include "formats/onnx/load_tensors.h"
#include "passes/kernels/weight_form.h"

namespace qc {

/// How well a network does on labelled samples; or, on others, how close it is to a teacher.
struct Metrics {
  std::uint64_t samples = 0;
  double loss = 0;  ///< mean cross-entropy, nats; what the training makes smaller
  /// Fraction of the samples whose label has the highest score. Without labels, of the scores whose
  /// arg max is the teacher's; NaN where no output has scores.
  double top1 = 0;
  double top5 = 0;  ///< fraction of the samples whose label is among the five highest
};

/// What training may not change about a tensor (Deep Compression, sections 2 and 3), or the form
/// that it has to have.
struct Constraint {
  std::size_t tensor = 0;  ///< index into OnnxModel::tensors()
  /// One for each element; empty: all are free. 0: pruned, stays zero. Otherwise free, or, with
  /// `shared`, the number (from 1) of the shared value it follows.
  std::vector<std::uint32_t> groups = {};
  bool shared = false;
  /// The values are latent weights: the network reads the low-bit form of them, and gradients reach
  /// them by straight-through estimators. Not with `shared`.
  std::optional<WeightForm> form = {};
  ChannelMap channels = {};  ///< of the form
};

enum class Optimizer {
  kSgd,
  kAdam,
  kShiftAdaMax,  ///< BNN (arXiv 1602.02830), algorithm 4
};
enum class Schedule { kConstant, kStep, kCosine };

/// What batch normalisation does in training.
enum class NormTraining {
  kFrozen,  ///< uses the statistics of the model
  kLearn,   ///< uses and learns those of each batch
  kShift,   ///< likewise, with powers of two for factors: BNN, algorithm 3
};

/// How to train. The flags, recipe keys and defaults are in engine/train_params.h.
struct TrainOptions {
  int epochs = 0;
  std::size_t batch = 0;
  Optimizer optimizer = Optimizer::kSgd;
  double learning_rate = 0;
  double momentum = 0;
  double weight_decay = 0;
  Schedule schedule = Schedule::kConstant;
  int step_epochs = 0;  ///< of kStep: epochs between two cuts of the learning rate
  double step_factor = 1;
  double label_smoothing = 0;
  /// Weight, between 0 and 1, of imitating a teacher's scores instead of the labels (Hinton et al.,
  /// arXiv 1503.02531, at temperature 1).
  double distill = 0;
  int shift = 0;      ///< augmentation: samples are moved by up to so many pixels
  bool flip = false;  ///< augmentation: half of the samples are mirrored
  NormTraining norm = NormTraining::kFrozen;
  int patience = 0;  ///< stop after so many epochs without a better validation; 0: never
  std::uint64_t seed = 0;
  std::size_t samples = 0;  ///< train on so many of the samples only, drawn by the seed; 0: all
  /// Bits of the gradients by what layers with weights of DoReFa's form give (arXiv 1606.06160,
  /// equation 12); 0: they stay as they are.
  int gradient_bits = 0;
};

struct EpochReport {
  int epoch = 0;  ///< from 1
  double learning_rate = 0;
  double train_loss = 0;
  double train_top1 = 0;
  std::optional<Metrics> validation;
  bool best = false;  ///< no earlier epoch validated better
  double seconds = 0;
};

/// An epoch after one of its batches.
struct BatchReport {
  int epoch = 0;              ///< from 1
  std::uint64_t samples = 0;  ///< of this epoch so far
  double loss = 0;            ///< their mean
  double top1 = 0;            ///< as in Metrics
};

/// Told about the progress of a training.
class TrainObserver {
 public:
  virtual ~TrainObserver() = default;
  /// After every batch. Training stops after this batch when false is returned.
  virtual bool on_batch(const BatchReport& report) = 0;
  virtual void on_epoch(const EpochReport& report) = 0;
  /// After every epoch, when `wants_state` says so: everything a later training needs to go on as
  /// if it had not been interrupted.
  virtual bool wants_state() = 0;
  virtual void on_state(ByteView state) = 0;
};

/// Samples without labels, on which a network learns to give a teacher's outputs.
struct Imitation {
  RunInputs train;
  RunInputs validation;             ///< of no samples: the last epoch then counts as the best
  std::vector<OutputLoss> outputs;  ///< that are to be the teacher's
  /// Weight, between 0 and 1, of the cross-entropy with the labels of samples that have one,
  /// against the divergence from the teacher's scores; for outputs with one position of scores.
  double label_weight = 0;
};

struct TrainJob {
  TrainOptions options;
  /// The float tensors to train, as indices into OnnxModel::tensors(). Running means and variances
  /// of batch normalisations among them stay where `norm` is kFrozen.
  std::vector<std::size_t> tensors;
  const Dataset* train = nullptr;
  const Dataset* validation = nullptr;  ///< may be null: the last epoch then counts as the best
  /// In place of the data sets, without labels; normalisations keep their statistics. Of the
  /// options, those of labels and augmentation are of no use to it.
  const Imitation* imitation = nullptr;
  std::vector<Constraint> constraints;
  ByteView resume_from;  ///< what on_state() was given, or empty
  TrainObserver* observer = nullptr;
  class Network* teacher = nullptr;  ///< for options.distill and imitation, of the same engine
};

struct TrainResult {
  std::vector<EpochReport> epochs;
  int last_epoch = 0;        ///< number of the last epoch trained, before a resumption too
  int best_epoch = 0;        ///< whose weights the network has now; 0: those before the first
  bool interrupted = false;  ///< by the observer
  PayloadEdits values;       ///< of the tensors that were trained, in the model's element types
};

/// A model ready to run. Not safe from several threads at once.
class Network {
 public:
  virtual ~Network() = default;

  /// Outputs for one value of each of the graph's inputs, in order. Throws Error: kUsage for inputs
  /// that do not fit, kUnsupported naming operator, node and opset.
  virtual std::vector<HostTensor> run(std::span<const HostTensor> inputs) = 0;

  /// Feeds every sample, in order, as a classifier with one input and one output of scores.
  /// `progress` is told the samples of each batch. Throws Error(kUnsupported) for other models.
  virtual Metrics evaluate(const Dataset& data, std::size_t batch,
                           const std::function<void(std::uint64_t)>& progress) = 0;

  /// Trains in place; afterwards the network has the weights that validated best. Same job, same
  /// threads, same machine: same result.
  virtual TrainResult train(const TrainJob& job) = 0;

  /// Walks through the model that was loaded and tells the moments of its weights, which stay as
  /// they are. Throws Error as run() does.
  virtual void calibrate(const CalibrationJob& job) = 0;

  /// The diagonal of the Fisher information of the weights, over the samples: mean squares of the
  /// gradients of -log p(y), y drawn from the network's own scores; of an output that is no
  /// scores, of its product with random numbers, in units of its standard deviation. Tensors
  /// without gradients (in subgraphs, or integers) are left out.
  virtual std::vector<TensorSensitivity> sensitivity(const SensitivityJob& job) = 0;
};

class Engine {
 public:
  virtual ~Engine() = default;
  /// "libtorch 1.13.1, 2 threads, cpu".
  virtual std::string description() const = 0;
  /// Throws Error(kUnsupported) that names operator, node and opset of what it cannot execute.
  virtual std::unique_ptr<Network> load(LoadedModel model) = 0;
  /// True for an operator that some network may use; `domain` is "" for ONNX's own.
  virtual bool supports(const std::string& domain, const std::string& op,
                        std::int64_t opset) const = 0;
};

/// What a graph may take of the machine, whatever it says.
struct ExecutionLimits {
  /// Bytes of all tensors on the CPU at once; 0: a quarter of the machine's memory.
  std::uint64_t memory = 0;
  /// Iterations of all Loop and Scan nodes together, each time a graph is run.
  std::uint64_t iterations = 100'000;
};

struct EngineOptions {
  unsigned threads = 0;  ///< 0: one per core
  std::string device = "cpu";
  ExecutionLimits limits = {};
};

/// Opens the libtorch module. Throws Error(kUnsupported) that names the packages to install when
/// the module or libtorch is not there, or a device that is not.
std::unique_ptr<Engine> open_engine(const EngineOptions& options);

/// The module's entry point; the version changes with every change of the types above.
inline constexpr int kEngineInterface = 8;
inline constexpr const char* kEngineEntry = "qc_create_engine";
using EngineEntry = Engine* (*)(int interface_version, const EngineOptions& options);

}  // namespace qc
