#include "passes/channels/channel_criteria.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "core/error.h"
#include "passes/calibration.h"
#include "passes/kernels/removal_cost.h"
#include "passes/layer_factors.h"
#include "passes/weight_layers.h"

namespace qc {
namespace {

using Scores = std::vector<double>;  // of the channels of a group

// The slices of a channel that a criterion looks at, of one tensor.
using Chooses = std::function<bool(const TensorInfo& tensor, const ChannelSlice& slice)>;
// A number for the values of a slice.
using Measures = std::function<double(std::span<const float> values)>;

class Scorer {
 public:
  Scorer(const OnnxModel& model, const NetworkChannels& channels, const PassContext& context)
      : model_(model), channels_(channels), context_(context) {
    for (const Node& node : model.graph()->main.nodes) {
      if (node.is_standard("BatchNormalization") && node.inputs.size() > 1) {
        scales_.insert(node.inputs[1]);
      }
    }
  }

  std::vector<Scores> run(ChannelCriterion criterion, std::vector<std::string>& notes) {
    if (criterion == ChannelCriterion::kTaylor) find_gradients();
    if (criterion == ChannelCriterion::kHessian) find_costs();
    std::vector<Scores> all;
    std::size_t fallbacks = 0;
    for (const ChannelGroup& group : channels_.found.groups) {
      auto scores = score(criterion, group);
      if (!scores && criterion != ChannelCriterion::kL1) {
        ++fallbacks;
        scores = score(ChannelCriterion::kL1, group);
      }
      all.push_back(scores.value_or(Scores(group.channels.size())));
    }
    if (fallbacks > 0) {
      notes.push_back(
          fmt::format("{} of {} groups of channels have nothing that {} looks at, and "
                      "were chosen from by l1",
                      fallbacks, all.size(), kChannelCriteria.name_of(criterion)));
    }
    return all;
  }

 private:
  const TensorInfo& tensor_of(const ChannelSlice& slice) const {
    return model_.tensors()[channels_.tensor_of(slice)];
  }

  static bool is_float_filter(const TensorInfo& tensor, const ChannelSlice& slice) {
    return is_filter(tensor, slice) && tensor.has_values();
  }

  std::optional<Scores> score(ChannelCriterion criterion, const ChannelGroup& group) {
    switch (criterion) {
      case ChannelCriterion::kL1:
        return norms(group, is_float_filter, [](std::span<const float> values) {
          double sum = 0;
          for (const float value : values) sum += std::fabs(static_cast<double>(value));
          return sum;
        });
      case ChannelCriterion::kL2:
        return norms(group, is_float_filter, [](std::span<const float> values) {
          double sum = 0;
          for (const float value : values) sum += static_cast<double>(value) * value;
          return std::sqrt(sum);
        });
      case ChannelCriterion::kBnScale:
        return norms(
            group,
            [&](const TensorInfo& tensor, const ChannelSlice& slice) {
              return tensor.has_values() && scales_.contains(slice.constant);
            },
            [](std::span<const float> values) {
              return std::fabs(static_cast<double>(values.front()));
            });
      case ChannelCriterion::kTaylor:
        return taylor(group);
      case ChannelCriterion::kHessian:
        return hessian(group);
    }
    return std::nullopt;
  }

  const std::vector<float>& values(const ChannelSlice& slice) {
    const std::size_t index = channels_.tensor_of(slice);
    const auto [known, is_new] = values_.try_emplace(index);
    if (is_new) known->second = values_of(model_, index);
    return known->second;
  }

  // All channels of a group have slices of the same tensors. Nothing where none is chosen.
  std::optional<Scores> norms(const ChannelGroup& group, const Chooses& chooses,
                              const Measures& measures) {
    Scores scores(group.channels.size());
    bool found = false;
    for (std::size_t s = 0; s < group.channels.front().slices.size(); ++s) {
      if (!chooses(tensor_of(group.channels.front().slices[s]), group.channels.front().slices[s])) {
        continue;
      }
      found = true;
      Scores own;
      double sum = 0;
      for (const Channel& channel : group.channels) {
        const ChannelSlice& slice = channel.slices[s];
        const std::vector<float>& all = values(slice);
        std::vector<float> some;
        for (const std::size_t place : slice.places) {
          each_element(tensor_of(slice).dims, slice.axis, place,
                       [&](std::size_t element) { some.push_back(all[element]); });
        }
        own.push_back(some.empty() ? 0 : measures(some));
        sum += own.back();
      }
      const double scale = sum > 0 ? static_cast<double>(own.size()) / sum : 0;
      for (std::size_t i = 0; i < own.size(); ++i) scores[i] += own[i] * scale;
    }
    if (!found) return std::nullopt;
    return scores;
  }

  void find_gradients() {
    std::set<std::size_t> wanted;
    for_each_slice([&](const ChannelSlice& slice) {
      if (tensor_of(slice).has_values()) wanted.insert(channels_.tensor_of(slice));
    });
    const std::vector<std::size_t> tensors(wanted.begin(), wanted.end());
    gradients_ = context_.calibration->gradient_squares(model_, tensors);
  }

  std::optional<Scores> taylor(const ChannelGroup& group) {
    Scores scores;
    bool found = false;
    for (const Channel& channel : group.channels) {
      double score = 0;
      for (const ChannelSlice& slice : channel.slices) {
        const auto squares = gradients_.find(channels_.tensor_of(slice));
        if (squares == gradients_.end() || !is_made(slice)) continue;
        found = true;
        const std::vector<float>& all = values(slice);
        for (const std::size_t place : slice.places) {
          each_element(tensor_of(slice).dims, slice.axis, place, [&](std::size_t element) {
            const double value = all[element];
            score += value * value * squares->second[element];
          });
        }
      }
      scores.push_back(score);
    }
    if (!found) return std::nullopt;
    return scores;
  }

  // What makes the channel, not what reads it.
  bool is_made(const ChannelSlice& slice) const {
    const TensorInfo& tensor = tensor_of(slice);
    return is_float_filter(tensor, slice) || tensor.role == Role::kBias ||
           tensor.role == Role::kNorm;
  }

  template <typename Body>
  void for_each_slice(const Body& body) const {
    for (const ChannelGroup& group : channels_.found.groups) {
      for (const Channel& channel : group.channels) std::ranges::for_each(channel.slices, body);
    }
  }

  // A layer that reads channels: what it loses with each place along an axis of its weights.
  void find_costs() {
    std::map<std::size_t, WeightLayer> layers;
    for (const WeightLayer& layer : find_layers(model_, {})) {
      if (!layer.form.is_table) layers.emplace(layer.tensor, layer);
    }
    std::map<std::size_t, std::set<std::pair<std::size_t, std::vector<std::size_t>>>> wanted;
    for_each_slice([&](const ChannelSlice& slice) {
      const std::size_t index = channels_.tensor_of(slice);
      if (!layers.contains(index) || is_float_filter(tensor_of(slice), slice)) return;
      wanted[index].emplace(slice.axis, slice.places);
    });
    std::vector<std::size_t> tensors;
    tensors.reserve(wanted.size());
    for (const auto& [tensor, slices] : wanted) tensors.push_back(tensor);
    if (tensors.empty()) return;
    context_.calibration->visit(
        model_, tensors, [&](std::size_t tensor, const Moments& moments) -> PayloadEdits {
          const WeightLayer& layer = layers.at(tensor);
          if (moments.groups != layer.form.groups || moments.columns != layer.form.columns ||
              moments.count == 0 || moments.trace() <= 0) {
            return {};
          }
          const auto factors =
              layer_factors(layer, &moments, ColumnOrder::kNatural, context_.threads);
          const std::vector<float> weights = layer.form.gather(values_of(model_, tensor));
          for (const auto& [axis, places] : wanted.at(tensor)) {
            costs_[{tensor, axis, places}] = cost(layer, factors, weights, axis, places);
          }
          return {};
        });
  }

  // Of removing all columns at some places along an axis.
  double cost(const WeightLayer& layer, const std::vector<InverseFactor>& factors,
              const std::vector<float>& weights, std::size_t axis,
              const std::vector<std::size_t>& places) const {
    const MatrixForm& form = layer.form;
    double cost = 0;
    for (std::size_t group = 0; group < form.groups; ++group) {
      const std::vector<std::uint32_t> columns =
          columns_at(model_.tensors()[layer.tensor].dims, form, group, axis, places);
      if (columns.empty()) continue;
      const std::size_t size = form.rows * form.columns;
      cost += removal_cost(factors[group], std::span(weights).subspan(group * size, size),
                           form.rows, columns);
    }
    return cost;
  }

  std::optional<Scores> hessian(const ChannelGroup& group) const {
    Scores scores;
    bool found = false;
    for (const Channel& channel : group.channels) {
      double score = 0;
      for (const ChannelSlice& slice : channel.slices) {
        const auto cost = costs_.find({channels_.tensor_of(slice), slice.axis, slice.places});
        if (cost == costs_.end()) continue;
        found = true;
        score += cost->second;
      }
      scores.push_back(score);
    }
    if (!found) return std::nullopt;
    return scores;
  }

  using Slice = std::tuple<std::size_t, std::size_t, std::vector<std::size_t>>;

  const OnnxModel& model_;
  const NetworkChannels& channels_;
  const PassContext& context_;
  std::set<std::string> scales_;  // of batch normalisations
  std::map<std::size_t, std::vector<float>> values_;
  std::map<std::size_t, std::vector<float>> gradients_;
  std::map<Slice, double> costs_;
};

}  // namespace

std::vector<std::vector<double>> score_channels(const OnnxModel& model,
                                                const NetworkChannels& channels,
                                                ChannelCriterion criterion,
                                                const PassContext& context,
                                                std::vector<std::string>& notes) {
  if (needs_samples(criterion) && context.calibration == nullptr) {
    throw Error(ErrorCode::kUsage, fmt::format("--criterion {} needs samples: --data DIR",
                                               kChannelCriteria.name_of(criterion)));
  }
  return Scorer(model, channels, context).run(criterion, notes);
}

}  // namespace qc
