// Tensors to self-contained byte strings.
#pragma once

#include "codecs/encode/layout.h"
#include "codecs/shared/element.h"
#include "core/bytes.h"

namespace qc {

/// The best encoding of a tensor that the options allow, checked by decoding it. Throws
/// Error(kInternal) should the check fail. The result depends on nothing but the arguments.
Bytes encode_tensor(const TensorView& tensor, const EncodeOptions& options);

}  // namespace qc
