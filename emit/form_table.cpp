#include <array>

#include "emit/forms.h"

namespace qc {

std::span<const TensorForm> tensor_forms() {
  static const std::array kForms = {kInt2Form,    kInt4Form,     kInt8Form,        kScaled4Form,
                                    kScaled8Form, kCodebookForm, kNarrowForm,      kPackedCodesForm,
                                    kGapsForm,    kGolombForm,   kChannelCodesForm};
  return kForms;
}

}  // namespace qc
