#include "emit/compressible.h"

#include <brotli/encode.h>
#include <fmt/format.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <functional>
#include <tuple>
#include <utility>

#include "codecs/encode/entropy.h"
#include "core/error.h"
#include "core/zeros.h"
#include "emit/embed_data.h"
#include "formats/onnx/negative_zeros.h"
#include "formats/onnx/tensor_elements.h"

namespace qc {
namespace {

Bytes file_bytes(const OnnxModel& model) {
  const BytePieces& pieces = model.files().front().bytes;
  Bytes bytes;
  pieces.append_range(0, pieces.size(), bytes);
  return bytes;
}

// Windows as large as browsers take.
std::uint64_t brotli_size(ByteView bytes, int quality) {
  Bytes out(BrotliEncoderMaxCompressedSize(bytes.size()) + 1024);
  std::size_t size = out.size();
  if (BrotliEncoderCompress(quality, BROTLI_MAX_WINDOW_BITS, BROTLI_MODE_GENERIC, bytes.size(),
                            bytes.data(), &size, out.data()) == BROTLI_FALSE) {
    throw Error(ErrorCode::kInternal, "brotli cannot compress the model");
  }
  return size;
}

std::uint64_t zstd_size(ByteView bytes) {
  constexpr int kLevel = 19;
  Bytes out(ZSTD_compressBound(bytes.size()));
  const std::size_t size =
      ZSTD_compress(out.data(), out.size(), bytes.data(), bytes.size(), kLevel);
  if (ZSTD_isError(size) != 0) throw Error(ErrorCode::kInternal, ZSTD_getErrorName(size));
  return size;
}

// Negative zeros that no output can tell become positive.
OnnxModel with_positive_zeros(const OnnxModel& model, unsigned threads,
                              std::vector<std::string>& notes) {
  PayloadEdits edits;
  std::uint64_t zeros = 0;
  for (const NegativeZeros& found : find_negative_zeros(model, threads)) {
    if (!found.reader.empty()) continue;
    const TensorInfo& tensor = model.tensors()[found.tensor];
    const ByteView payload = model.payload(tensor);
    Bytes bytes(payload.begin(), payload.end());
    make_zeros_positive(tensor.type, bytes);
    edits[found.tensor] = std::move(bytes);
    zeros += found.zeros.negative;
  }
  if (edits.empty()) return model;
  notes.push_back(fmt::format("{} negative zeros, which no output can tell, are positive", zeros));
  return model.edited(std::move(edits));
}

// Numbers in fields of their own are longer, and alike numbers look less alike.
OnnxModel with_raw_data(const OnnxModel& model, std::vector<std::string>& notes) {
  EditedGraph edited = model.edit_graph();
  std::size_t count = 0;
  for (Initializer& each : edited.graph.main.initializers) {
    const TensorInfo& tensor = model.tensors()[each.tensor.index];
    const bool stored = tensor.storage == Storage::kTyped || tensor.storage == Storage::kVarints;
    if (each.tensor.sparse || !stored || data_type_bits(tensor.type) < 8) continue;
    each.tensor =
        edited.add({tensor.type, tensor.dims, tensor_elements(tensor, model.payload(tensor))});
    each.origin = {};
    ++count;
  }
  if (count == 0) return model;
  notes.push_back(fmt::format("{} tensors are stored as raw data", count));
  return model.with_graph(std::move(edited));
}

// What is known of a tensor where the order is chosen.
struct Traits {
  DataType type = DataType::kUndefined;
  Role role = Role::kOther;
  std::uint64_t size = 0;
  std::uint64_t distinct_bytes = 0;  // a measure of how alike its values are
};

Traits traits_of(const OnnxModel& model, const Initializer& each) {
  const TensorInfo& tensor = model.tensors()[each.tensor.index];
  const ByteView payload = model.payload(tensor);
  std::array<std::uint32_t, 256> counts = {};
  for (const std::uint8_t byte : payload) ++counts[byte];
  const std::uint64_t entropy = payload.empty() ? 0 : entropy_bits(counts) / payload.size();
  return {tensor.type, tensor.role, tensor.size, entropy};
}

using Order = std::function<bool(const Traits& a, const Traits& b)>;

struct NamedOrder {
  const char* name;
  Order before;
};

const std::vector<NamedOrder>& orders() {
  static const std::vector<NamedOrder> kAll = {
      {"by type and purpose",
       [](const Traits& a, const Traits& b) {
         return std::tuple(a.type, a.role) < std::tuple(b.type, b.role);
       }},
      {"by type, purpose and size",
       [](const Traits& a, const Traits& b) {
         return std::tuple(a.type, a.role, a.size) < std::tuple(b.type, b.role, b.size);
       }},
      {"by type and entropy",
       [](const Traits& a, const Traits& b) {
         return std::tuple(a.type, a.distinct_bytes, a.role) <
                std::tuple(b.type, b.distinct_bytes, b.role);
       }},
  };
  return kAll;
}

OnnxModel in_order(const OnnxModel& model, const Order& before) {
  EditedGraph edited = model.edit_graph();
  std::vector<Initializer>& all = edited.graph.main.initializers;
  std::vector<std::pair<Traits, Initializer>> keyed;
  for (const Initializer& each : all) keyed.emplace_back(traits_of(model, each), each);
  std::ranges::stable_sort(keyed, [&](const auto& a, const auto& b) {
    const bool sparse[] = {a.second.tensor.sparse.has_value(), b.second.tensor.sparse.has_value()};
    if (sparse[0] != sparse[1]) return sparse[1];
    return before(a.first, b.first);
  });
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = keyed[i].second;
  return model.with_graph(std::move(edited));
}

}  // namespace

CompressedSizes compressed_sizes(const OnnxModel& model) {
  const Bytes bytes = file_bytes(model);
  return {brotli_size(bytes, BROTLI_MAX_QUALITY), zstd_size(bytes)};
}

CompressibleModel make_compressible(const OnnxModel& in_files, unsigned threads) {
  const OnnxModel model = embed_data(in_files);
  CompressibleModel result{model, compressed_sizes(model), {}, {}};
  const OnnxModel plain =
      with_raw_data(with_positive_zeros(model, threads, result.notes), result.notes);
  // A lower level tells the orders apart in a tenth of the time.
  constexpr int kTrialQuality = 9;
  const NamedOrder* best = nullptr;
  std::uint64_t least = brotli_size(file_bytes(plain), kTrialQuality);
  for (const NamedOrder& order : orders()) {
    const std::uint64_t size =
        brotli_size(file_bytes(in_order(plain, order.before)), kTrialQuality);
    if (size >= least) continue;
    least = size;
    best = &order;
  }
  OnnxModel ordered = best != nullptr ? in_order(plain, best->before) : plain;
  if (best != nullptr) result.notes.push_back(fmt::format("tensors are ordered {}", best->name));
  result.after = compressed_sizes(ordered);
  if (result.after.brotli < result.before.brotli) {
    result.model = std::move(ordered);
  } else {
    result.after = result.before;
    result.notes = {"nothing made it smaller"};
  }
  return result;
}

}  // namespace qc
