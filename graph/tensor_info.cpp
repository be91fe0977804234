#include "graph/tensor_info.h"

namespace qc {

std::string_view role_name(Role role) noexcept {
  switch (role) {
    case Role::kWeight:
      return "weight";
    case Role::kBias:
      return "bias";
    case Role::kNorm:
      return "norm";
    case Role::kOther:
      break;
  }
  return "other";
}

}  // namespace qc
