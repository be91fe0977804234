// How close the outputs of two networks are: no labels are needed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/host_tensor.h"
#include "graph/graph.h"

namespace qc {

/// An output that is judged.
struct JudgedOutput {
  std::string name;
  /// The axis of the classes, where the output is their scores; may be negative: from the end.
  std::optional<std::int64_t> scores_axis = std::nullopt;
  /// The scores are probabilities already: of a Softmax, not of what stands before it.
  bool probabilities = false;
};

/// The outputs of a graph, with the axes of scores where the graph tells them: an output that
/// Softmax or LogSoftmax makes, or that an ArgMax reads, through nodes that move no element.
std::vector<JudgedOutput> judged_outputs(const ModelGraph& model);

/// The closeness of one output over samples.
struct OutputMetrics {
  std::string name;
  std::uint64_t samples = 0;
  std::uint64_t positions = 0;  ///< places with scores, of all samples; 0 where there are none
  double agreement = 0;         ///< fraction of the positions with the same arg max
  double kl = 0;                ///< mean of KL(reference || other) over positions, nats
  std::uint64_t labelled = 0;   ///< samples with a label and one position with scores
  double accuracy = 0;          ///< fraction of these whose label the other's arg max is
  double reference_accuracy = 0;
  double snr_db = 0;  ///< 10 log10 of the energy of the reference over that of the difference
  double cosine = 0;  ///< of the two outputs, over all samples
  double max_error = 0;
};

/// What one sample says of an output: sums from which metrics are made.
struct SampleCloseness {
  std::uint64_t positions = 0;
  std::uint64_t agreeing = 0;
  double kl = 0;
  bool labelled = false;
  bool correct = false;  ///< of the other network
  bool reference_correct = false;
  double signal = 0;  ///< sums of squares
  double noise = 0;
  double other = 0;
  double product = 0;
  double max_error = 0;
};

/// Compares one output of two networks on the same sample. An output whose shape is another in the
/// other network agrees nowhere. Tensors of integers and bools count as numbers; strings agree
/// where they are equal. A `label` counts where the sample has one position with scores.
SampleCloseness compare_outputs(const JudgedOutput& output, const HostTensor& reference,
                                const HostTensor& other,
                                std::optional<std::int64_t> label = std::nullopt);

/// The classes with the highest scores, by position; none where the output has no scores.
std::vector<std::int64_t> arg_maxima(const JudgedOutput& output, const HostTensor& tensor);

OutputMetrics output_metrics(const JudgedOutput& output,
                             const std::vector<SampleCloseness>& samples);

}  // namespace qc
