#include "formats/value_shapes.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <onnx/shape_inference/implementation.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <exception>
#include <functional>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "core/error.h"
#include "formats/skeleton.h"

namespace qc {
namespace {

// Shapes, axes and scales are that small; weights are not looked at.
constexpr std::uint64_t kMostConstantBytes = 4096;

// Puts the elements of small constants back into the skeleton; others keep none.
class ConstantFiller {
 public:
  explicit ConstantFiller(const OnnxModel& model) : model_(model) {}

  void fill(onnx::GraphProto& graph) {
    for (auto& tensor : *graph.mutable_initializer()) fill(tensor);
    for (auto& node : *graph.mutable_node()) {
      for (auto& attribute : *node.mutable_attribute()) {
        if (attribute.has_t()) fill(*attribute.mutable_t());
        if (attribute.has_g()) fill(*attribute.mutable_g());
      }
    }
  }

 private:
  void fill(onnx::TensorProto& tensor) {
    const auto index = skeleton_index(tensor, model_.tensors().size());
    if (!index) return;
    tensor.clear_raw_data();
    const TensorInfo& info = model_.tensors()[*index];
    if (!info.elements || info.size > kMostConstantBytes) return;
    const ByteView payload = model_.payload(info);
    tensor.set_raw_data(payload.data(), payload.size());
  }

  const OnnxModel& model_;
};

void set_open_sizes(onnx::ValueInfoProto& input, std::span<const std::int64_t> sizes) {
  if (sizes.empty() && !input.type().tensor_type().has_shape()) return;
  auto& shape = *input.mutable_type()->mutable_tensor_type()->mutable_shape();
  if (shape.dim_size() == 0) {
    for (std::size_t i = 0; i < sizes.size(); ++i) shape.add_dim();
  }
  if (!sizes.empty() && sizes.size() != static_cast<std::size_t>(shape.dim_size())) {
    throw Error(ErrorCode::kUsage, fmt::format("the model's input {} has {} dimensions, not {}",
                                               input.name(), shape.dim_size(), sizes.size()));
  }
  for (int i = 0; i < shape.dim_size(); ++i) {
    if (shape.dim(i).dim_value() > 0) continue;
    if (!sizes.empty()) shape.mutable_dim(i)->set_dim_value(sizes[static_cast<std::size_t>(i)]);
    if (sizes.empty() && i == 0) shape.mutable_dim(i)->set_dim_value(1);
  }
}

// The first input is the one whose sizes are given; initializers may be listed as inputs too.
void set_open_sizes(onnx::GraphProto& graph, std::span<const std::int64_t> sizes) {
  std::set<std::string_view> stored;
  for (const auto& tensor : graph.initializer()) stored.insert(tensor.name());
  for (auto& input : *graph.mutable_input()) {
    if (stored.contains(input.name())) continue;
    set_open_sizes(input, sizes);
    sizes = {};
  }
}

void collect(const google::protobuf::RepeatedPtrField<onnx::ValueInfoProto>& values,
             ValueShapes& shapes) {
  for (const auto& value : values) {
    if (!value.type().tensor_type().has_shape()) continue;
    std::vector<std::int64_t>& dims = shapes[value.name()];
    dims.clear();
    for (const auto& dim : value.type().tensor_type().shape().dim()) {
      dims.push_back(dim.has_dim_value() && dim.dim_value() >= 0 ? dim.dim_value() : -1);
    }
  }
}

/// What `make` returns, made in a child process; nothing when that fails, crashes or takes too
/// long.
std::optional<std::string> in_child_process(const std::function<std::string()>& make) {
  constexpr unsigned kMostSeconds = 30;
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return std::nullopt;
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(kMostSeconds);
    bool written = false;
    try {
      const std::string result = make();
      std::size_t done = 0;
      while (done < result.size()) {
        const ssize_t some = ::write(ends[1], result.data() + done, result.size() - done);
        if (some <= 0) break;
        done += static_cast<std::size_t>(some);
      }
      written = done == result.size();
    } catch (...) {
      written = false;
    }
    ::_exit(written ? 0 : 1);
  }
  ::close(ends[1]);
  std::string result;
  std::array<char, 65536> block{};
  for (bool more = child > 0; more;) {
    const ssize_t some = ::read(ends[0], block.data(), block.size());
    if (some > 0) result.append(block.data(), static_cast<std::size_t>(some));
    more = some > 0 || (some < 0 && errno == EINTR);
  }
  ::close(ends[0]);
  int status = 0;
  const bool ended = child > 0 && ::waitpid(child, &status, 0) == child;
  return ended && status == 0 ? std::optional(std::move(result)) : std::nullopt;
}

std::string with_inferred_shapes(onnx::ModelProto& model) {
  try {
    onnx::shape_inference::InferShapes(model);
  } catch (const std::exception&) {
    // What was inferred before an operator that ONNX does not know is still true.
  }
  return model.SerializeAsString();
}

}  // namespace

ValueShapes infer_shapes(const OnnxModel& model, onnx::ModelProto skeleton,
                         std::span<const std::int64_t> input) {
  onnx::GraphProto& graph = *skeleton.mutable_graph();
  ConstantFiller(model).fill(graph);
  set_open_sizes(graph, input);
  // Shapes that an exporter wrote for an open batch would contradict those for one input.
  graph.clear_value_info();
  // ONNX's shape inference trusts its input, and crashes on some models.
  if (const auto inferred = in_child_process([&] { return with_inferred_shapes(skeleton); })) {
    skeleton = parse_model(as_bytes(*inferred));
  }
  ValueShapes shapes;
  collect(skeleton.graph().input(), shapes);
  collect(skeleton.graph().value_info(), shapes);
  collect(skeleton.graph().output(), shapes);
  return shapes;
}

}  // namespace qc
