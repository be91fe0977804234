// Tensors <-> self-contained byte strings.
#pragma once

#include <cstdint>

#include "codecs/layout.h"
#include "codecs/simd/stream_copy.h"

namespace qc {

/// The best encoding of a tensor that the options allow, checked by decoding it. Throws
/// Error(kInternal) should the check fail. The result depends on nothing but the arguments.
Bytes encode_tensor(const TensorView& tensor, const EncodeOptions& options);

/// What went wrong with an encoded tensor; null when nothing did.
using DecodeFailure = const char*;

/// Decodes into `out`, whose size says how many bytes the tensor has. Fed with untrusted bytes:
/// allocates only from the context, never throws, reads and writes within its spans. Streaming pays
/// for large results aligned to 64 bytes; others are stored as ever.
[[nodiscard]] DecodeFailure decode_tensor(ByteView coded, MutableBytes out, DecodeContext& context,
                                          StoreMode mode = StoreMode::kCached) noexcept;

/// What an encoded tensor is made of.
struct CodedTensorInfo {
  const Layout* layout = nullptr;  ///< the outermost
  const Layout* values = nullptr;  ///< of the stored values, where it is another
  Element element;
  CodedStats stats;
};

/// Reads the headers of an encoded tensor of `size` bytes. Untrusted bytes, as above.
[[nodiscard]] DecodeFailure describe_tensor(ByteView coded, std::uint64_t size,
                                            DecodeContext& context, CodedTensorInfo& info) noexcept;

}  // namespace qc
