#include "pipeline/handover.h"

#include <algorithm>
#include <cstdint>
#include <system_error>
#include <vector>

#include "pipeline/npz_writer.h"

namespace qc {
namespace {

namespace fs = std::filesystem;

NpzArray make_mask(const TensorInfo& tensor, const Constraint& constraint) {
  NpzArray array{tensor.name, "|b1", tensor.dims, {}};
  const bool wide = constraint.shared &&
                    std::ranges::any_of(constraint.groups, [](auto group) { return group > 255; });
  if (constraint.shared) array.descr = wide ? "<u4" : "|u1";
  array.elements.reserve(constraint.groups.size() * (wide ? 4 : 1));
  for (const std::uint32_t group : constraint.groups) {
    if (wide) {
      append_le(array.elements, group);
    } else {
      array.elements.push_back(static_cast<std::uint8_t>(constraint.shared ? group : group != 0));
    }
  }
  return array;
}

}  // namespace

fs::path write_model(const OnnxModel& model, const fs::path& folder) {
  std::error_code ignored;  // the model cannot be written then
  fs::create_directory(folder, ignored);
  fs::path path = folder / model.files().front().relative.filename();
  model.write(path, {}, Overwrite::kRefuse);
  return path;
}

void write_masks(const OnnxModel& model, std::span<const Constraint> constraints,
                 const fs::path& path) {
  std::vector<NpzArray> arrays;
  for (const Constraint& constraint : constraints) {
    if (constraint.groups.empty()) continue;
    arrays.push_back(make_mask(model.tensors()[constraint.tensor], constraint));
  }
  write_npz(path, arrays);
}

}  // namespace qc
