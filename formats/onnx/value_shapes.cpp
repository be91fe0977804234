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
#include <string_view>
#include <system_error>
#include <utility>

#include "core/error.h"
#include "formats/onnx/onnx_reader.h"
#include "formats/onnx/onnx_writer.h"
#include "system/descriptor.h"
#include "system/installation.h"

namespace qc {
namespace {

// Shapes, axes and scales are that small; the elements of weights are not looked at.
constexpr std::uint64_t kMostConstantBytes = 4096;

// Operators that ONNX has withdrawn, and whose output is as large as their input.
constexpr std::array<std::string_view, 2> kWithdrawn = {"ImageScaler", "Affine"};

// The library's inference stops at what it does not know.
void replace_withdrawn(Graph& graph) {
  for (Node& node : graph.nodes) {
    if (!node.domain.empty() || node.inputs.size() != 1) continue;
    if (std::ranges::find(kWithdrawn, node.op) == kWithdrawn.end()) continue;
    node.op = "Identity";
    node.attributes.clear();
  }
}

// True when a size was open and is now set.
bool set_open_sizes(GraphValue& input, std::span<const std::int64_t> sizes) {
  if (sizes.empty() && !input.has_shape) return false;
  input.has_shape = true;
  if (input.dims.empty()) input.dims.resize(sizes.size(), -1);
  if (!sizes.empty() && sizes.size() != input.dims.size()) {
    throw Error(ErrorCode::kUsage, fmt::format("the model's input {} has {} dimensions, not {}",
                                               input.name, input.dims.size(), sizes.size()));
  }
  bool set = false;
  for (std::size_t i = 0; i < input.dims.size(); ++i) {
    if (input.dims[i] > 0) continue;
    if (sizes.empty() && i > 0) break;
    input.dims[i] = sizes.empty() ? 1 : sizes[i];
    set = true;
  }
  return set;
}

// The first input is the one whose sizes are given.
bool set_open_sizes(Graph& graph, std::span<const std::int64_t> sizes) {
  bool set = false;
  for (GraphValue& input : graph.inputs) {
    set |= set_open_sizes(input, sizes);
    sizes = {};
  }
  return set;
}

void collect(const std::vector<GraphValue>& values, ValueShapes& shapes) {
  for (const GraphValue& value : values) {
    if (value.has_shape) shapes[value.name] = value.dims;
  }
}

ValueShapes collect(const OnnxFile& model) {
  const Graph& graph = model.graph.main;
  ValueShapes shapes;
  for (const Initializer& each : graph.initializers) {
    if (each.is_input && !each.tensor.sparse) {
      shapes[each.name] = model.tensors[each.tensor.index].dims;
    }
  }
  for (const auto* values : {&graph.inputs, &graph.values, &graph.outputs}) {
    collect(*values, shapes);
  }
  return shapes;
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

ValueShapes infer_shapes(const OnnxModel& model, std::span<const std::int64_t> input) {
  EditedGraph edited = model.edit_graph();
  Graph& graph = edited.graph.main;
  replace_withdrawn(graph);
  // Shapes that an exporter wrote for an open batch would contradict those for one input; others
  // may tell what inference does not find.
  ValueShapes exported;
  if (!set_open_sizes(graph, input)) collect(graph.values, exported);
  graph.values.clear();
  const WrittenFile written =
      write_onnx(model.files().front().bytes, *model.graph(), edited,
                 [](OnnxMessage parent, const OnnxField& field) {
                   return is_payload_over(kMostConstantBytes, parent, field);
                 });
  Bytes bytes = written.bytes.joined();
  if (auto inferred = run_program(shape_program(), as_text(bytes))) {
    bytes.assign(inferred->begin(), inferred->end());
  }
  ValueShapes shapes = collect(read_onnx(GappedBytes(bytes)));
  for (const auto& [name, dims] : exported) {
    const auto inferred = shapes.find(name);
    if (inferred == shapes.end() || std::ranges::count(inferred->second, -1) > 0) {
      shapes[name] = dims;
    }
  }
  return shapes;
}

}  // namespace qc
