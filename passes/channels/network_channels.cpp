#include "passes/channels/network_channels.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "core/tensor.h"
#include "formats/onnx/tensor_elements.h"
#include "graph/channels/known_constants.h"
#include "graph/matrix_form.h"

namespace qc {
namespace {

// Sizes, axes and indices are lists, and short.
constexpr std::uint64_t kMostIntegers = 1 << 16;

ReadIntegers integers_of(const OnnxModel& model) {
  return [&model](const GraphTensor& tensor) -> std::optional<Integers> {
    const TensorInfo& info = model.tensors()[tensor.index];
    const bool is_wide = info.type == DataType::kInt64;
    if ((!is_wide && info.type != DataType::kInt32) || info.count() > kMostIntegers) {
      return std::nullopt;
    }
    const Bytes bytes = tensor_elements(info, model.payload(info));
    Integers values(info.count());
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] =
          is_wide ? load_le<std::int64_t>(&bytes[i * 8]) : load_le<std::int32_t>(&bytes[i * 4]);
    }
    return values;
  };
}

bool can_be_cut(const TensorInfo& tensor) {
  return tensor.strings.empty() && data_type_bits(tensor.type) >= 8;
}

// Elements at places that stay along every axis, in their order.
HostTensor cut(const OnnxModel& model, const GraphTensor& from,
               const std::vector<std::vector<bool>>& stays) {
  const TensorInfo& info = model.tensors()[from.index];
  Bytes bytes = tensor_elements(info, model.payload(info));
  std::vector<std::int64_t> dims = info.dims;
  const std::size_t width = data_type_bits(info.type) / 8;
  for (std::size_t axis = 0; axis < dims.size(); ++axis) {
    const std::int64_t left = std::ranges::count(stays[axis], true);
    if (left == dims[axis]) continue;
    std::size_t inner = width;
    for (std::size_t i = axis + 1; i < dims.size(); ++i) inner *= static_cast<std::size_t>(dims[i]);
    Bytes kept;
    for (std::size_t at = 0, place = 0; at < bytes.size(); at += inner, ++place) {
      if (!stays[axis][place % stays[axis].size()]) continue;
      const auto begin = bytes.begin() + static_cast<std::ptrdiff_t>(at);
      kept.insert(kept.end(), begin, begin + static_cast<std::ptrdiff_t>(inner));
    }
    bytes = std::move(kept);
    dims[axis] = left;
  }
  return {.type = info.type, .dims = std::move(dims), .bytes = std::move(bytes)};
}

std::int64_t places_left(const NetworkChannels& channels, const std::set<std::size_t>& removed,
                         const std::string& value, std::size_t axis) {
  const Coupling& coupling = *channels.found.coupling;
  const std::int64_t size = (*coupling.dims(value))[axis];
  const std::size_t first = coupling.first(value, axis);
  std::int64_t left = 0;
  for (std::int64_t place = 0; place < size; ++place) {
    const std::size_t set = coupling.set_of(first + static_cast<std::size_t>(place));
    left += removed.contains(set) ? 0 : 1;
  }
  return left;
}

}  // namespace

NetworkChannels find_channels(const OnnxModel& model, FixedParts fixed) {
  NetworkChannels channels;
  const ModelGraph& graph = *model.graph();
  channels.shapes = infer_shapes(model, {});
  const KnownConstants constants(graph.main, integers_of(model));
  for (const auto& [name, tensor] : constants.tensors()) {
    const TensorInfo& info = model.tensors()[tensor.index];
    channels.tensors[name] = tensor.index;
    channels.shapes[name] = info.dims;
    if (!can_be_cut(info)) fixed.values.try_emplace(name, "its elements are no bytes");
  }
  channels.found = find_channel_groups(graph, channels.shapes, integers_of(model), fixed);
  return channels;
}

OnnxModel without_channels(const OnnxModel& model, const NetworkChannels& channels,
                           const std::set<std::size_t>& removed) {
  EditedGraph edited = model.edit_graph();
  remove_channels(
      channels.found, removed, integers_of(model),
      [&](const GraphTensor& tensor, const auto& stays) { return cut(model, tensor, stays); },
      edited);
  return model.with_graph(std::move(edited));
}

std::optional<ShapeFault> find_shape_fault(const OnnxModel& changed,
                                           const NetworkChannels& channels,
                                           const std::set<std::size_t>& removed) {
  const ValueShapes shapes = infer_shapes(changed, {});
  for (const Node& node : changed.graph()->main.nodes) {
    for (const std::string& output : node.outputs) {
      const Dims* before = channels.found.coupling->dims(output);
      const auto after = shapes.find(output);
      if (before == nullptr || node.is_standard("Constant")) continue;
      Dims expected = *before;
      for (std::size_t axis = 0; axis < expected.size(); ++axis) {
        expected[axis] = places_left(channels, removed, output, axis);
      }
      if (after != shapes.end() && after->second == expected) continue;
      return ShapeFault{
          node.outputs.front(),
          fmt::format("{} {} makes {}, not {}", node.op, node.label(),
                      after == shapes.end() ? "what has no known shape" : shape_text(after->second),
                      shape_text(expected))};
    }
  }
  return std::nullopt;
}

std::vector<std::uint32_t> columns_at(const std::vector<std::int64_t>& dims, const MatrixForm& form,
                                      std::size_t group, std::size_t axis,
                                      std::span<const std::size_t> places) {
  std::size_t inner = 1;
  for (std::size_t i = axis + 1; i < dims.size(); ++i) inner *= static_cast<std::size_t>(dims[i]);
  std::vector<std::uint32_t> columns;
  for (std::size_t column = 0; column < form.columns; ++column) {
    const std::size_t place =
        form.element(group, 0, column) / inner % static_cast<std::size_t>(dims[axis]);
    if (std::ranges::binary_search(places, place)) {
      columns.push_back(static_cast<std::uint32_t>(column));
    }
  }
  return columns;
}

std::uint64_t count_multiplications(const OnnxModel& model, const ValueShapes& shapes) {
  std::uint64_t count = 0;
  for (const auto& [tensor, uses] : matrix_uses(model.graph()->main)) {
    for (const MatrixUse& use : uses) {
      const auto form = matrix_form(*use.node, use.input, model.tensors()[tensor].dims);
      const auto output =
          use.node->outputs.empty() ? shapes.end() : shapes.find(use.node->outputs.front());
      if (!form || form->is_table || output == shapes.end()) continue;
      count += element_count(output->second).value_or(0) * form->columns;
    }
  }
  return count;
}

}  // namespace qc
