// Bytes as an ONNX file beside a file with external data: refused, or packed and given back
// exactly.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <utility>
#include <vector>

#include "core/error.h"
#include "formats/onnx/onnx_model.h"
#include "formats/onnx/onnx_reader.h"
#include "formats/packed/pack_model.h"
#include "formats/qc/read/qc_reader.h"

namespace qc::fuzz {
namespace {

// Packing takes a thousand times as long as walking.
constexpr std::size_t kPackUpTo = 700;

std::optional<OnnxModel> open(ByteView input) {
  std::vector<std::pair<std::filesystem::path, Bytes>> files;
  files.emplace_back("m.onnx", Bytes(input.begin(), input.end()));
  Bytes weights;
  for (std::uint32_t i = 0; i < 64; ++i) append_le(weights, i * i * i);
  files.emplace_back("weights.bin", std::move(weights));
  try {
    static_cast<void>(read_onnx(GappedBytes(input)));
    return OnnxModel::from_memory(std::move(files));
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kInternal) std::abort();
    return std::nullopt;
  }
}

void check_tensors(const OnnxModel& model) {
  for (const TensorInfo& tensor : model.tensors()) {
    const ByteView payload = model.payload(tensor);
    if (tensor.storage != Storage::kNone && payload.size() != tensor.size) std::abort();
    if (tensor.elements && tensor.count() > 8 * payload.size()) std::abort();
    // Touches the bytes, for AddressSanitizer.
    volatile std::uint8_t byte = payload.empty() ? 0 : payload.front();
    if (!payload.empty()) byte = payload.back();
    static_cast<void>(byte);
  }
}

void check_round_trip(const OnnxModel& model) {
  MemorySink container;
  PackOptions options;
  options.threads = 1;
  options.encode.stages = StageChoice::kHuffman;
  pack_model(model, options, container);
  const auto files = QcReader::from_bytes(container.bytes()).decode_to_memory(1);
  if (files.size() != model.files().size()) std::abort();
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (model.files()[i].bytes.joined() != files[i].second) std::abort();
  }
}

// A graph that is written as it was read has the same tensors and nodes.
void check_rewriting(const OnnxModel& model) {
  try {
    const OnnxModel written = model.with_graph(model.edit_graph());
    const std::size_t count = model.tensors().size();
    if (written.tensors().size() != count) std::abort();
    if (written.graph()->main.nodes.size() != model.graph()->main.nodes.size()) std::abort();
    std::uint64_t before = 0;
    std::uint64_t after = 0;
    for (std::size_t i = 0; i < count; ++i) {
      before += model.tensors()[i].size;
      after += written.tensors()[i].size;
    }
    if (before != after) std::abort();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kUnsupported) std::abort();
  }
}

void run(ByteView input) {
  const std::optional<OnnxModel> model = open(input);
  if (!model) return;
  check_tensors(*model);
  check_rewriting(*model);
  if (input.size() <= kPackUpTo) check_round_trip(*model);
}

}  // namespace
}  // namespace qc::fuzz

// NOLINTNEXTLINE(readability-identifier-naming): the name is libFuzzer's
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  qc::fuzz::run({data, size});
  return 0;
}
