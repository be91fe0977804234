#include "pipeline/tuned_values.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/error.h"
#include "core/float_types.h"

namespace qc {
namespace {

// Of tensors that are named in a message.
constexpr std::size_t kMaxNames = 8;

bool all_finite(DataType type, ByteView payload) {
  if (type == DataType::kDouble) {
    for (std::size_t i = 0; i < payload.size(); i += sizeof(double)) {
      if (!std::isfinite(load_le<double>(payload.data() + i))) return false;
    }
    return true;
  }
  return std::ranges::all_of(load_floats(type, payload), [](float v) { return std::isfinite(v); });
}

std::string shape_of(const TensorInfo& tensor) {
  return fmt::format("{} {}", data_type_name(tensor.type), shape_text(tensor.dims));
}

}  // namespace

OnnxModel open_tuned(const std::filesystem::path& path) {
  try {
    return OnnxModel::open(path);
  } catch (const Error& error) {
    const ErrorCode code = error.code() == ErrorCode::kUsage ? ErrorCode::kCorrupt : error.code();
    throw Error(code, fmt::format("what the fine-tuning command wrote is no model to be read: {}",
                                  error.what()));
  }
}

PayloadEdits changed_values(const OnnxModel& model, const OnnxModel& tuned) {
  std::unordered_map<std::string_view, const TensorInfo*> by_name;
  for (const TensorInfo& tensor : tuned.tensors()) by_name.emplace(tensor.name, &tensor);
  PayloadEdits edits;
  std::vector<std::string> missing;
  for (std::size_t i = 0; i < model.tensors().size(); ++i) {
    const TensorInfo& before = model.tensors()[i];
    if (!before.has_values()) continue;
    const auto found = by_name.find(before.name);
    if (found == by_name.end()) {
      missing.push_back(before.name);
      continue;
    }
    const TensorInfo& after = *found->second;
    if (after.type != before.type || after.dims != before.dims) {
      throw Error(ErrorCode::kCorrupt,
                  fmt::format("the fine-tuning command wrote tensor {} as {}; it must stay {}",
                              before.name, shape_of(after), shape_of(before)));
    }
    if (!after.has_values()) {
      throw Error(ErrorCode::kUnsupported,
                  fmt::format("the fine-tuning command wrote tensor {} in a form that is not taken "
                              "over; write its elements as raw_data "
                              "(onnx.numpy_helper.from_array)",
                              before.name));
    }
    const ByteView values = tuned.payload(after);
    if (std::ranges::equal(values, model.payload(before))) continue;
    if (!all_finite(after.type, values)) {
      throw Error(ErrorCode::kCorrupt,
                  fmt::format("the fine-tuning command wrote NaN or infinity into tensor {}; a "
                              "lower learning rate may help",
                              before.name));
    }
    edits.emplace(i, Bytes(values.begin(), values.end()));
  }
  if (!missing.empty()) {
    const std::size_t more = missing.size() - std::min(missing.size(), kMaxNames);
    missing.resize(missing.size() - more);
    throw Error(
        ErrorCode::kCorrupt,
        fmt::format("the model that the fine-tuning command wrote lacks tensors: {}{}; keep "
                    "the names of the model that it reads",
                    fmt::join(missing, ", "), more > 0 ? fmt::format(" and {} more", more) : ""));
  }
  return edits;
}

}  // namespace qc
