// The report of `inspect`, as text and as JSON.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "report/breakdown.h"
#include "report/hardware.h"

namespace qc {

enum class SortBy { kModel, kSize, kRatio, kName };

struct InspectView {
  std::string file;
  bool packed_now = false;  ///< the file is a .onnx that was packed in memory for the report
  bool all = false;         ///< list small and unstructured tensors too
  SortBy sort = SortBy::kModel;
};

/// The table, the totals and the warnings; at most Table::kTableWidth columns wide.
std::string inspect_text(const Breakdown& breakdown, const InspectView& view);

/// One tensor in full, with a histogram of its values. `bytes` are its elements.
std::string inspect_tensor_text(const TensorBreakdown& line, ByteView bytes);

/// Schema "qcompress.inspect/1"; cli/JSON.md describes it.
nlohmann::ordered_json inspect_json(const Breakdown& breakdown, const InspectView& view);

/// The article's hardware view: multiplications that zeros, signs, shifts and tables replace; what
/// the totals leave out, and why.
std::string hardware_text(const HardwareView& view);

/// The member "hardware" of "qcompress.inspect/1".
nlohmann::ordered_json hardware_json(const HardwareView& view);

/// True when something that costs `bytes` of a packed file of `packed` bytes is worth a line.
bool is_worth_telling(std::uint64_t bytes, std::uint64_t packed) noexcept;

/// What a user should know: tensors that a sparse layout makes larger, models that are hard to
/// compress. One line each.
std::vector<std::string> inspect_warnings(const Breakdown& breakdown);

}  // namespace qc
