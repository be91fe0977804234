// A decoder of encoded tensors written from formats/qc/FORMAT.md alone: plain and slow. It shares
// no code with the project, so that both can only agree when the document says what the code does.
#pragma once

#include "spec_streams.h"

namespace qc::spec {

/// Section 4: the bytes of a tensor.
Data decode_tensor(View coded, std::uint64_t size);

}  // namespace qc::spec
