// The channels of a model that can be removed, and the model without some of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "formats/onnx/onnx_model.h"
#include "formats/onnx/value_shapes.h"
#include "graph/channels/channel_groups.h"
#include "graph/matrix_form.h"

namespace qc {

/// The channels of a model's main graph.
struct NetworkChannels {
  ChannelGroups found;
  ValueShapes shapes;  ///< of values and constants, for one input
  /// Indices into OnnxModel::tensors() by the names of constants.
  std::map<std::string, std::size_t, std::less<>> tensors;

  /// That of the constant that a slice is of.
  std::size_t tensor_of(const ChannelSlice& slice) const {
    return tensors.find(slice.constant)->second;
  }
};

/// True where a slice is of the output channels of weights: it makes the channel.
inline bool is_filter(const TensorInfo& tensor, const ChannelSlice& slice) {
  return tensor.role == Role::kWeight && tensor.channel_axis == static_cast<int>(slice.axis);
}

/// Finds the groups of channels. Constants whose elements are not in the file as such stay whole.
NetworkChannels find_channels(const OnnxModel& model, FixedParts fixed);

/// Calls body(element) for each element of a tensor at a place along an axis, ascending.
template <typename Body>
void each_element(const std::vector<std::int64_t>& dims, std::size_t axis, std::size_t place,
                  const Body& body) {
  std::size_t inner = 1;
  std::size_t outer = 1;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (i < axis) outer *= static_cast<std::size_t>(dims[i]);
    if (i > axis) inner *= static_cast<std::size_t>(dims[i]);
  }
  const auto size = static_cast<std::size_t>(dims[axis]);
  for (std::size_t i = 0; i < outer; ++i) {
    const std::size_t begin = (i * size + place) * inner;
    for (std::size_t k = 0; k < inner; ++k) body(begin + k);
  }
}

/// The model without the channels of some sets (Channel::set).
OnnxModel without_channels(const OnnxModel& model, const NetworkChannels& channels,
                           const std::set<std::size_t>& removed);

/// A node that makes a value of another shape than it has to.
struct ShapeFault {
  std::string output;  ///< the first of the node's
  std::string what;
};

/// The first fault of a model without some channels; nothing where shape inference agrees.
std::optional<ShapeFault> find_shape_fault(const OnnxModel& changed,
                                           const NetworkChannels& channels,
                                           const std::set<std::size_t>& removed);

/// The columns of a group's matrix that are at some places, ascending, along an axis of the weight
/// tensor, which is one of inputs.
std::vector<std::uint32_t> columns_at(const std::vector<std::int64_t>& dims, const MatrixForm& form,
                                      std::size_t group, std::size_t axis,
                                      std::span<const std::size_t> places);

/// Multiplications of weights with activations for one input.
std::uint64_t count_multiplications(const OnnxModel& model, const ValueShapes& shapes);

}  // namespace qc
