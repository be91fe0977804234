#include "formats/onnx/value_shapes.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>

#include "core/error.h"
#include "formats/onnx/skeleton.h"
#include "system/descriptor.h"
#include "system/installation.h"

namespace qc {
namespace {

// Shapes, axes and scales are that small; weights are not looked at.
constexpr std::uint64_t kMostConstantBytes = 4096;

// Puts the elements of small constants back into the skeleton, as the file has them; others keep
// none.
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
    if (info.size > kMostConstantBytes) return;
    const ByteView payload = model_.payload(info);
    if (info.storage == Storage::kVarints) fill_varints(payload, tensor);
    if (info.elements) tensor.set_raw_data(payload.data(), payload.size());
  }

  static void fill_varints(ByteView payload, onnx::TensorProto& tensor) {
    ByteReader reader(payload);
    while (reader.ok() && !reader.at_end()) {
      const std::uint64_t value = reader.varint();
      switch (tensor.data_type()) {
        case onnx::TensorProto::INT64:
          tensor.add_int64_data(static_cast<std::int64_t>(value));
          break;
        case onnx::TensorProto::UINT64:
        case onnx::TensorProto::UINT32:
          tensor.add_uint64_data(value);
          break;
        default:
          tensor.add_int32_data(static_cast<std::int32_t>(value));
      }
    }
  }

  const OnnxModel& model_;
};

// Operators that ONNX has withdrawn, and whose output is as large as their input.
constexpr std::array<std::string_view, 2> kWithdrawn = {"ImageScaler", "Affine"};

// The library's inference stops at what it does not know.
void replace_withdrawn(onnx::GraphProto& graph) {
  for (auto& node : *graph.mutable_node()) {
    if (!node.domain().empty() || node.input_size() != 1) continue;
    if (std::ranges::find(kWithdrawn, node.op_type()) == kWithdrawn.end()) continue;
    node.set_op_type("Identity");
    node.clear_attribute();
  }
}

// True when a size was open and is now set.
bool set_open_sizes(onnx::ValueInfoProto& input, std::span<const std::int64_t> sizes) {
  if (sizes.empty() && !input.type().tensor_type().has_shape()) return false;
  auto& shape = *input.mutable_type()->mutable_tensor_type()->mutable_shape();
  if (shape.dim_size() == 0) {
    for (std::size_t i = 0; i < sizes.size(); ++i) shape.add_dim();
  }
  if (!sizes.empty() && sizes.size() != static_cast<std::size_t>(shape.dim_size())) {
    throw Error(ErrorCode::kUsage, fmt::format("the model's input {} has {} dimensions, not {}",
                                               input.name(), shape.dim_size(), sizes.size()));
  }
  bool set = false;
  for (int i = 0; i < shape.dim_size(); ++i) {
    if (shape.dim(i).dim_value() > 0) continue;
    if (sizes.empty() && i > 0) break;
    shape.mutable_dim(i)->set_dim_value(sizes.empty() ? 1 : sizes[static_cast<std::size_t>(i)]);
    set = true;
  }
  return set;
}

// The first input is the one whose sizes are given; initializers may be listed as inputs too.
bool set_open_sizes(onnx::GraphProto& graph, std::span<const std::int64_t> sizes) {
  std::set<std::string_view> stored;
  for (const auto& tensor : graph.initializer()) stored.insert(tensor.name());
  bool set = false;
  for (auto& input : *graph.mutable_input()) {
    if (stored.contains(input.name())) continue;
    set |= set_open_sizes(input, sizes);
    sizes = {};
  }
  return set;
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

// Repeats a system call until no signal interrupts it.
template <typename Call>
auto uninterrupted(const Call& call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

// The text in a file of its own in memory, to be read from its start; none when that fails.
Descriptor memory_file(std::string_view text) {
  Descriptor file(::memfd_create("model", MFD_CLOEXEC));
  while (file && !text.empty()) {
    const ssize_t some =
        uninterrupted([&] { return ::write(file.get(), text.data(), text.size()); });
    if (some <= 0) return Descriptor();
    text.remove_prefix(static_cast<std::size_t>(some));
  }
  if (!file || ::lseek(file.get(), 0, SEEK_SET) != 0) return Descriptor();
  return file;
}

// Starts a program with these as its standard input and output; -1 when that fails. The new process
// has nothing of this one, whose other threads may hold locks.
pid_t start(const std::filesystem::path& program, int in, int out) {
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
  ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  // Its time limit is a signal, which must not be blocked or ignored.
  sigset_t signals;
  ::sigemptyset(&signals);
  ::posix_spawnattr_setsigmask(&attributes, &signals);
  ::sigaddset(&signals, SIGALRM);
  ::posix_spawnattr_setsigdefault(&attributes, &signals);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  std::string name = program.string();
  std::array<char*, 2> arguments = {name.data(), nullptr};
  pid_t child = -1;
  const int error =
      ::posix_spawn(&child, name.c_str(), &actions, &attributes, arguments.data(), environ);
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&actions);
  return error == 0 ? child : -1;
}

// What the program writes when it reads `input`; nothing when that fails, crashes or takes too
// long.
std::optional<std::string> run_program(const std::filesystem::path& program,
                                       std::string_view input) {
  const Descriptor in = memory_file(input);
  std::array<int, 2> ends{};
  if (!in || ::pipe2(ends.data(), O_CLOEXEC) != 0) return std::nullopt;
  const Descriptor from(ends[0]);
  Descriptor to(ends[1]);
  const pid_t child = start(program, in.get(), to.get());
  to.reset();
  if (child < 0) return std::nullopt;
  std::string result;
  std::array<char, 65536> block{};
  ssize_t some = 0;
  while ((some = uninterrupted([&] { return ::read(from.get(), block.data(), block.size()); })) >
         0) {
    result.append(block.data(), static_cast<std::size_t>(some));
  }
  int status = 0;
  const pid_t ended = uninterrupted([&] { return ::waitpid(child, &status, 0); });
  if (some < 0 || ended != child || status != 0) return std::nullopt;
  return result;
}

// The program that infers shapes: beside this one, or named by the environment.
std::filesystem::path shape_program() {
  if (const char* named = std::getenv("QCOMPRESS_SHAPES")) return named;
  const auto candidates = installed_paths("qcompress_shapes");
  std::error_code error;
  return std::filesystem::exists(candidates[0], error) ? candidates[0] : candidates[1];
}

}  // namespace

ValueShapes infer_shapes(const OnnxModel& model, onnx::ModelProto skeleton,
                         std::span<const std::int64_t> input) {
  onnx::GraphProto& graph = *skeleton.mutable_graph();
  ConstantFiller(model).fill(graph);
  replace_withdrawn(graph);
  // Shapes that an exporter wrote for an open batch would contradict those for one input; others
  // may tell what inference does not find.
  ValueShapes exported;
  if (!set_open_sizes(graph, input)) collect(graph.value_info(), exported);
  graph.clear_value_info();
  if (const auto inferred = run_program(shape_program(), skeleton.SerializeAsString())) {
    skeleton = parse_model(as_bytes(*inferred));
  }
  ValueShapes shapes;
  collect(skeleton.graph().input(), shapes);
  collect(skeleton.graph().value_info(), shapes);
  collect(skeleton.graph().output(), shapes);
  for (const auto& [name, dims] : exported) {
    const auto inferred = shapes.find(name);
    if (inferred == shapes.end() || std::ranges::count(inferred->second, -1) > 0) {
      shapes[name] = dims;
    }
  }
  return shapes;
}

}  // namespace qc
