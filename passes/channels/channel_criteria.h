// How much a network needs each of its channels.
#pragma once

#include <vector>

#include "core/choices.h"
#include "formats/onnx/onnx_model.h"
#include "passes/channels/network_channels.h"
#include "passes/pass.h"

namespace qc {

enum class ChannelCriterion {
  kL1,       ///< sum of magnitudes of a filter (Li et al., arXiv 1608.08710, section 3.1)
  kL2,       ///< its Euclidean norm
  kBnScale,  ///< magnitude of its batch normalisation's scale (Liu et al., arXiv 1708.06519)
  kTaylor,   ///< sum of E[(w dL/dw)^2] (Molchanov et al., arXiv 1906.10771, equation 8)
  /// What the layers behind cannot make up for: w^T [H^-1]^-1 w of the columns that go (Hassibi,
  /// Stork 1993, for several weights at once).
  kHessian,
};

inline constexpr auto kChannelCriteria =
    make_choices<ChannelCriterion>({{"l1", ChannelCriterion::kL1},
                                    {"l2", ChannelCriterion::kL2},
                                    {"bn-scale", ChannelCriterion::kBnScale},
                                    {"taylor", ChannelCriterion::kTaylor},
                                    {"hessian", ChannelCriterion::kHessian}});

/// True for criteria that look at samples.
constexpr bool needs_samples(ChannelCriterion criterion) {
  return criterion == ChannelCriterion::kTaylor || criterion == ChannelCriterion::kHessian;
}

/// By group and channel; what is lowest goes first. Groups without what a criterion looks at are
/// scored by l1, and a note says so. Norms are relative to their mean over the group, and where
/// several tensors make a channel their mean counts. Throws Error(kUsage) where samples are
/// missing.
std::vector<std::vector<double>> score_channels(const OnnxModel& model,
                                                const NetworkChannels& channels,
                                                ChannelCriterion criterion,
                                                const PassContext& context,
                                                std::vector<std::string>& notes);

}  // namespace qc
