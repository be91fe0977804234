// Models beyond the memory they may take: peak memory of pack and unpack, and the time to look at
// an index.
#include <fmt/format.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "bench.h"
#include "core/bytes.h"
#include "harness.h"
#include "model_builder.h"
#include "programs.h"

namespace qc::bench {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kSide = 4096;         // of every weight: 64 MiB
constexpr std::size_t kExternalLayers = 96;  // 6.4 GB
constexpr std::size_t kInlineLayers = 36;    // 2.4 GB
constexpr std::size_t kPlainLayers = 19;     // over 1 GB when packed
constexpr std::size_t kQuickLayers = 2;
constexpr int kIndexRuns = 9;

/// The weights of one layer after the other, without holding more than one. Layers differ by where
/// they begin in a row of numbers that goes round.
class Layers {
 public:
  /// `shared`: 10% of the weights, with 32 values; else all of them, each a number of its own.
  explicit Layers(bool shared) : values_(test::bell_values(kSide * kSide, 1)) {
    if (!shared) return;
    constexpr float kStep = 0.0035F;
    constexpr float kThreshold = 0.08225F;  // 1.645 deviations
    for (float& value : values_) {
      const float magnitude = std::abs(value);
      const auto step =
          static_cast<float>(std::min(static_cast<int>((magnitude - kThreshold) / kStep), 15));
      value = magnitude < kThreshold ? 0 : std::copysign(kThreshold + step * kStep, value);
    }
  }

  static std::size_t layer_bytes() { return kSide * kSide * sizeof(float); }

  void write(std::size_t layer, std::ofstream& out) const {
    constexpr std::size_t kTurn = 7919;
    const std::size_t begin = layer * kTurn % values_.size();
    const auto put = [&](std::size_t from, std::size_t to) {
      out.write(reinterpret_cast<const char*>(values_.data() + from),
                static_cast<std::streamsize>((to - from) * sizeof(float)));
    };
    put(begin, values_.size());
    put(0, begin);
    if (!out) throw std::runtime_error("a model cannot be written");
  }

 private:
  std::vector<float> values_;
};

/// A chain of MatMul layers whose weights are still to come.
onnx::GraphProto chain(std::size_t layers) {
  onnx::GraphProto graph;
  graph.set_name("chain");
  const auto add_value = [](onnx::ValueInfoProto& value, const std::string& name) {
    value.set_name(name);
    auto* type = value.mutable_type()->mutable_tensor_type();
    type->set_elem_type(onnx::TensorProto::FLOAT);
    for (const std::int64_t size : {std::int64_t{1}, kSide}) {
      type->mutable_shape()->add_dim()->set_dim_value(size);
    }
  };
  add_value(*graph.add_input(), "x0");
  add_value(*graph.add_output(), fmt::format("x{}", layers));
  for (std::size_t i = 0; i < layers; ++i) {
    onnx::NodeProto& node = *graph.add_node();
    node.set_op_type("MatMul");
    node.add_input(fmt::format("x{}", i));
    node.add_input(fmt::format("w{}", i));
    node.add_output(fmt::format("x{}", i + 1));
  }
  return graph;
}

onnx::TensorProto weight(std::size_t layer) {
  onnx::TensorProto tensor;
  tensor.set_name(fmt::format("w{}", layer));
  tensor.set_data_type(onnx::TensorProto::FLOAT);
  tensor.add_dims(kSide);
  tensor.add_dims(kSide);
  return tensor;
}

onnx::ModelProto model_without_graph() {
  onnx::ModelProto model;
  model.set_ir_version(8);
  model.add_opset_import()->set_version(13);
  return model;
}

void write_with_external_data(const fs::path& path, std::size_t count, const Layers& layers) {
  const fs::path data = path.string() + ".data";
  onnx::ModelProto model = model_without_graph();
  *model.mutable_graph() = chain(count);
  std::ofstream out(data, std::ios::binary);
  for (std::size_t i = 0; i < count; ++i) {
    onnx::TensorProto& tensor = *model.mutable_graph()->add_initializer();
    tensor = weight(i);
    tensor.set_data_location(onnx::TensorProto::EXTERNAL);
    const auto add_entry = [&](const char* key, const std::string& value) {
      auto* entry = tensor.add_external_data();
      entry->set_key(key);
      entry->set_value(value);
    };
    add_entry("location", data.filename().string());
    add_entry("offset", fmt::format("{}", i * Layers::layer_bytes()));
    add_entry("length", fmt::format("{}", Layers::layer_bytes()));
    layers.write(i, out);
  }
  harness::write_file(path, model.SerializeAsString());
}

/// The head of a protobuf field of bytes.
std::string field_head(std::uint32_t number, std::uint64_t size) {
  Bytes head;
  append_varint(head, number << 3 | 2);
  append_varint(head, size);
  return std::string(as_text(head));
}

/// In one file. Protobuf writes no message beyond 2 GB, so the messages are put together here.
void write_inline(const fs::path& path, std::size_t count, const Layers& layers) {
  constexpr std::uint32_t kGraphOfModel = 7;
  constexpr std::uint32_t kInitializerOfGraph = 5;
  constexpr std::uint32_t kRawDataOfTensor = 9;
  std::vector<std::string> heads;
  const std::string graph = chain(count).SerializeAsString();
  std::uint64_t graph_size = graph.size();
  for (std::size_t i = 0; i < count; ++i) {
    const std::string tensor =
        weight(i).SerializeAsString() + field_head(kRawDataOfTensor, Layers::layer_bytes());
    heads.push_back(field_head(kInitializerOfGraph, tensor.size() + Layers::layer_bytes()) +
                    tensor);
    graph_size += heads.back().size() + Layers::layer_bytes();
  }
  std::ofstream out(path, std::ios::binary);
  out << model_without_graph().SerializeAsString() << field_head(kGraphOfModel, graph_size)
      << graph;
  for (std::size_t i = 0; i < count; ++i) {
    out << heads[i];
    layers.write(i, out);
  }
  if (!out) throw std::runtime_error("a model cannot be written");
}

/// Compares files piece by piece.
bool same_bytes(const fs::path& a, const fs::path& b) {
  std::ifstream in_a(a, std::ios::binary);
  std::ifstream in_b(b, std::ios::binary);
  std::array<std::vector<char>, 2> pieces;
  pieces.fill(std::vector<char>(std::size_t{1} << 20));
  while (true) {
    in_a.read(pieces[0].data(), static_cast<std::streamsize>(pieces[0].size()));
    in_b.read(pieces[1].data(), static_cast<std::streamsize>(pieces[1].size()));
    if (in_a.gcount() != in_b.gcount()) return false;
    if (in_a.gcount() == 0) return true;
    const auto size = static_cast<std::size_t>(in_a.gcount());
    if (std::memcmp(pieces[0].data(), pieces[1].data(), size) != 0) return false;
  }
}

harness::RunResult run_program(const std::vector<std::string>& args) {
  harness::RunOptions options;
  options.timeout = std::chrono::hours(1);
  harness::RunResult result = harness::run(args, options);
  if (result.exit_code != 0) throw std::runtime_error(args.front() + ": " + result.err);
  return result;
}

std::vector<std::string> row(const std::string& model, std::uint64_t bytes,
                             const std::string& command, const harness::RunResult& result,
                             std::uint64_t written) {
  const double seconds = std::chrono::duration<double>(result.wall).count();
  return {model,
          command,
          fmt::format("{}", written),
          fmt::format("{:.1f}", seconds),
          fmt::format("{:.0f}", static_cast<double>(bytes) / seconds / 1e6),
          fmt::format("{:.0f}", static_cast<double>(result.peak_memory) / 1e6)};
}

/// Packs and unpacks a model of these files with all cores; the files must come back.
void add_rows(MarkdownTable& table, const std::string& name, const fs::path& model,
              const std::vector<fs::path>& files, const std::string& preset) {
  tell("  " + name);
  const fs::path packed = model.string() + ".qc";
  const fs::path folder = model.parent_path() / "back";
  fs::create_directory(folder);
  std::uint64_t bytes = 0;
  for (const fs::path& file : files) bytes += fs::file_size(file);
  std::vector<std::string> pack = {"pack", model, "-f", "-o", packed};
  if (!preset.empty()) pack.insert(pack.begin() + 1, preset);
  const harness::RunResult packing = run_program(pack);
  table.add_row(row(name, bytes, preset.empty() ? "`pack`" : fmt::format("`pack {}`", preset),
                    packing, fs::file_size(packed)));
  const harness::RunResult unpacking =
      run_program({"unpack", packed, "-f", "-o", folder / model.filename()});
  for (const fs::path& file : files) {
    if (!same_bytes(file, folder / file.filename())) {
      throw std::runtime_error("other bytes came back");
    }
  }
  table.add_row(row(name, bytes, "`unpack`", unpacking, bytes));
  fs::remove_all(folder);
}

std::string index_text(const fs::path& packed) {
  const auto median_of = [](const std::vector<std::string>& args) {
    std::vector<double> seconds;
    seconds.reserve(kIndexRuns);
    for (int i = 0; i < kIndexRuns; ++i) {
      seconds.push_back(std::chrono::duration<double>(run_program(args).wall).count());
    }
    return 1e3 * median(seconds);
  };
  return fmt::format(
      "`inspect --index` of a container of {} bytes: {:.1f} ms, median of {}; `--version`, which "
      "does\nnothing: {:.1f} ms.\n",
      fs::file_size(packed), median_of({"inspect", "--index", packed}), kIndexRuns,
      median_of({"--version"}));
}

std::string run(const BenchOptions& options) {
  const harness::TempDir temp;
  const auto layers_of = [&](std::size_t full) { return options.quick ? kQuickLayers : full; };
  MarkdownTable table({"model", "command", "bytes written", "seconds", "MB/s", "peak MB"});
  {
    const Layers layers(true);
    const fs::path external = temp / "external.onnx";
    write_with_external_data(external, layers_of(kExternalLayers), layers);
    add_rows(table, "sparse, external data", external, {external, external.string() + ".data"},
             "--fast");
    fs::remove(external.string() + ".data");
    const fs::path single = temp / "single.onnx";
    write_inline(single, layers_of(kInlineLayers), layers);
    add_rows(table, "sparse, one file", single, {single}, "");
    fs::remove(single);
  }
  const fs::path plain = temp / "plain.onnx";
  write_inline(plain, layers_of(kPlainLayers), Layers(false));
  add_rows(table, "plain floats, one file", plain, {plain}, "");
  return table.text() + "\n" + index_text(plain.string() + ".qc");
}

}  // namespace

const BenchTable kLargeTable{
    .name = "large",
    .title = "Large models: memory, and the time to see an index",
    .about =
        "Generated: layers of 4096 x 4096 float32, either 10% of them not zero with 32 values, or "
        "all\n"
        "of them different. Whole programs on all cores, run once; what is unpacked is compared "
        "with\n"
        "the model. Peak memory counts the pages of mapped files. Takes 14 GB in the temporary\n"
        "folder.",
    .run = run,
    .slow = true,
};

}  // namespace qc::bench
