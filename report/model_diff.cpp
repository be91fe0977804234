#include "report/model_diff.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "codecs/shared/element.h"
#include "core/float_types.h"
#include "core/zeros.h"
#include "formats/packed/slots.h"

namespace qc {
namespace {

bool equal_bytes(ByteView a, ByteView b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

bool same_files(const OnnxModel& a, const OnnxModel& b) {
  return std::equal(
      a.files().begin(), a.files().end(), b.files().begin(), b.files().end(),
      [](const ModelFile& x, const ModelFile& y) { return are_equal(x.bytes, y.bytes); });
}

// The files without the payloads of their tensors.
Bytes literal_bytes(const OnnxModel& model) {
  Bytes literal;
  const std::vector<Slot> slots = find_slots(model, 1);
  std::size_t next = 0;
  for (std::size_t file = 0; file < model.files().size(); ++file) {
    const BytePieces& bytes = model.files()[file].bytes;
    std::uint64_t done = 0;
    for (; next < slots.size() && slots[next].file == file; ++next) {
      bytes.append_range(done, slots[next].offset - done, literal);
      done = slots[next].offset + slots[next].view.data.size();
    }
    bytes.append_range(done, bytes.size() - done, literal);
  }
  return literal;
}

std::uint64_t count_nonzero(DataType type, ByteView bytes) {
  const unsigned width = element_of(type).width;
  if (is_value_type(type)) return bytes.size() / width - count_zeros(type, bytes).zeros;
  std::uint64_t nonzero = 0;
  for (std::size_t at = 0; at + width <= bytes.size(); at += width) {
    nonzero += load_pattern(bytes.data() + at, width) != 0 ? 1 : 0;
  }
  return nonzero;
}

void compare_values(DataType type, ByteView before, ByteView after, TensorDiff& diff) {
  const std::vector<float> a = load_floats(type, before);
  const std::vector<float> b = load_floats(type, after);
  double squares = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!std::isfinite(a[i]) || !std::isfinite(b[i])) continue;
    const double error = static_cast<double>(b[i]) - static_cast<double>(a[i]);
    squares += error * error;
    diff.max_error = std::max(diff.max_error, std::abs(error));
  }
  if (!a.empty()) diff.rmse = std::sqrt(squares / static_cast<double>(a.size()));
}

TensorDiff compare(const OnnxModel& before, const TensorInfo& a, const OnnxModel& after,
                   const TensorInfo& b) {
  TensorDiff diff;
  diff.name = a.name;
  diff.count = a.count();
  const ByteView x = before.payload(a);
  const ByteView y = after.payload(b);
  diff.comparable = a.type == b.type && a.dims == b.dims && a.elements && b.elements;
  if (!diff.comparable) return diff;
  const unsigned width = element_of(a.type).width;
  for (std::size_t at = 0; at + width <= x.size(); at += width) {
    diff.changed += std::memcmp(x.data() + at, y.data() + at, width) != 0 ? 1 : 0;
  }
  diff.nonzero_before = count_nonzero(a.type, x);
  diff.nonzero_after = count_nonzero(a.type, y);
  if (is_value_type(a.type)) compare_values(a.type, x, y, diff);
  return diff;
}

}  // namespace

ModelDiff diff_models(const OnnxModel& before, const OnnxModel& after) {
  ModelDiff result;
  result.identical = same_files(before, after);
  result.graph_differs = !result.identical && literal_bytes(before) != literal_bytes(after);
  std::map<std::string, const TensorInfo*> by_name;
  for (const TensorInfo& tensor : after.tensors()) by_name.emplace(tensor.name, &tensor);
  for (const TensorInfo& tensor : before.tensors()) {
    const auto found = by_name.find(tensor.name);
    if (found == by_name.end()) {
      result.removed.push_back(tensor.name);
      continue;
    }
    const TensorInfo& other = *found->second;
    by_name.erase(found);
    const bool same = tensor.type == other.type && tensor.dims == other.dims &&
                      equal_bytes(before.payload(tensor), after.payload(other));
    if (same) {
      result.equal.push_back(tensor.name);
    } else {
      result.changed.push_back(compare(before, tensor, after, other));
    }
  }
  for (const TensorInfo& tensor : after.tensors()) {
    if (by_name.contains(tensor.name)) result.added.push_back(tensor.name);
  }
  return result;
}

}  // namespace qc
