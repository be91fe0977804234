#include "formats/onnx/load_tensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

#include "core/error.h"
#include "core/memory_size.h"
#include "formats/onnx/tensor_elements.h"
#include "graph/node_order.h"

namespace qc {
namespace {

// Upper bound on the bytes that all sparse tensors of a model may expand to.
constexpr std::uint64_t kMaxDenseBytes = std::uint64_t{1} << 30;

// Indices are given as [NNZ] places in the flattened tensor or as [NNZ, rank] coordinates.
std::vector<std::uint64_t> linear_indices(const std::string& name, const HostTensor& indices,
                                          std::uint64_t count,
                                          const std::vector<std::int64_t>& dims) {
  const bool flat = indices.dims.size() == 1;
  const bool coordinates =
      indices.dims.size() == 2 && indices.dims[1] == static_cast<std::int64_t>(dims.size());
  if (indices.type != DataType::kInt64 || (!flat && !coordinates)) {
    corrupt_tensor(name, "has indices of another form than ONNX knows");
  }
  if (indices.dims[0] != static_cast<std::int64_t>(count)) {
    corrupt_tensor(name, "has not as many indices as values");
  }
  const std::size_t width = flat ? 1 : dims.size();
  std::vector<std::uint64_t> places(memory_size(count));
  for (std::size_t i = 0; i < places.size(); ++i) {
    std::uint64_t place = 0;
    for (std::size_t axis = 0; axis < width; ++axis) {
      const auto at = load_le<std::int64_t>(indices.bytes.data() + (i * width + axis) * 8);
      if (at < 0 || (coordinates && at >= dims[axis]))
        corrupt_tensor(name, "has an index out of range");
      if (coordinates) place *= static_cast<std::uint64_t>(dims[axis]);
      place += static_cast<std::uint64_t>(at);
    }
    places[i] = place;
  }
  return places;
}

// The same graph with the nodes of its main graph in an order in which they can be executed. What
// waits for itself stays as it is: whoever executes it finds the value that is missing.
std::shared_ptr<const ModelGraph> in_order(std::shared_ptr<const ModelGraph> graph) {
  const auto order = execution_order(graph->main);
  if (!order || std::ranges::is_sorted(*order)) return graph;
  auto sorted = std::make_shared<ModelGraph>(*graph);
  for (std::size_t i = 0; i < order->size(); ++i) {
    sorted->main.nodes[i] = graph->main.nodes[(*order)[i]];
  }
  return sorted;
}

class Loader {
 public:
  explicit Loader(const OnnxModel& model) : model_(model) {}

  LoadedModel run() {
    result_.graph = in_order(model_.graph());
    if (!result_.graph->functions.empty()) {
      throw Error(ErrorCode::kUnsupported,
                  fmt::format("the model defines functions of its own ({}): they cannot be "
                              "executed; inline them first (onnx.inliner)",
                              result_.graph->functions.front().name));
    }
    result_.tensors.resize(model_.tensors().size());
    load(result_.graph->main);
    return std::move(result_);
  }

 private:
  void load(const Graph& graph) {
    for (const Initializer& each : graph.initializers) load(each.tensor);
    for (const Node& node : graph.nodes) {
      for (const Attribute& attribute : node.attributes) {
        if (const auto* tensor = std::get_if<GraphTensor>(&attribute.value)) load(*tensor);
      }
      each_subgraph(node, [&](const Graph& inner) { load(inner); });
    }
  }

  void load(const GraphTensor& constant) {
    result_.tensors[constant.index] =
        constant.sparse ? dense(constant.index, *constant.sparse) : tensor(constant.index);
  }

  HostTensor tensor(std::size_t index) const {
    const TensorInfo& info = model_.tensors()[index];
    HostTensor result;
    result.type = info.type;
    result.dims = info.dims;
    if (info.type == DataType::kString) {
      result.strings = info.strings;
    } else {
      result.bytes = tensor_elements(info, model_.payload(info));
    }
    return result;
  }

  HostTensor dense(std::size_t index, const GraphTensor::Sparse& sparse) {
    const HostTensor values = tensor(index);
    const HostTensor indices = tensor(sparse.indices);
    const std::string& name = model_.tensors()[index].name;
    HostTensor result;
    result.type = values.type;
    result.dims = sparse.dims;
    const std::uint64_t count = tensor_count(name, result.dims);
    const std::size_t width = data_type_bits(result.type) / 8;
    if (width == 0) corrupt_tensor(name, "is sparse and of strings");
    if (count > (kMaxDenseBytes - dense_bytes_) / width) {
      throw Error(ErrorCode::kLimit,
                  fmt::format("tensor {}: sparse tensors of more than {} MB when made dense", name,
                              kMaxDenseBytes >> 20));
    }
    dense_bytes_ += count * width;
    const std::uint64_t nonzeros = tensor_count(name, values.dims);
    const std::vector<std::uint64_t> places = linear_indices(name, indices, nonzeros, result.dims);
    result.bytes.resize(memory_size(count * width));
    for (std::size_t i = 0; i < places.size(); ++i) {
      if (places[i] >= count) corrupt_tensor(name, "has an index outside its shape");
      std::memcpy(result.bytes.data() + places[i] * width, values.bytes.data() + i * width, width);
    }
    return result;
  }

  const OnnxModel& model_;
  LoadedModel result_;
  std::uint64_t dense_bytes_ = 0;  // that sparse tensors were expanded to
};

}  // namespace

LoadedModel load_model(const OnnxModel& model) { return Loader(model).run(); }

}  // namespace qc
