// The tensors of the ONNX model in a container, found without its payloads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "core/bytes.h"
#include "formats/qc/decode/container.h"
#include "formats/qc/decode/fixed_array.h"

namespace qc {

/// How the elements of a tensor are stored in its file.
enum class ElementStorage {
  kNone,     ///< it has none, or strings, or not as many as its shape says
  kBytes,    ///< as they are: raw_data, float_data, double_data, or external
  kVarints,  ///< int32_data, int64_data or uint64_data
};

struct ListedTensor {
  std::string_view name;  ///< in memory of the list, with a zero byte after it
  std::int32_t type = 0;
  std::span<const std::int64_t> dims;
  ElementStorage storage = ElementStorage::kNone;
  std::uint64_t size = 0;       ///< of the elements, in bytes
  std::size_t file = 0;         ///< that has them
  std::uint64_t offset = 0;     ///< in that file
  std::uint64_t payload = 0;    ///< bytes from there on
  std::size_t slot = SIZE_MAX;  ///< that is just this payload; SIZE_MAX when there is none
};

/// Lists the tensors of a model: initializers, sparse ones, those of subgraphs and functions, and
/// those in attributes. Nothing here throws or allocates but from the allocator.
class TensorList {
 public:
  explicit TensorList(Allocator& memory) noexcept
      : tensors_(memory), dims_(memory), names_(memory) {}

  /// Reads the graph of a container. Fails with kCorrupt when its first file is no ONNX model, with
  /// kLimit when there is no memory for the list. Of an empty list.
  ContainerFailure read(const Container& container) noexcept;

  std::span<const ListedTensor> tensors() const noexcept { return tensors_.span(); }

  /// Decodes a tensor into `out`, of its size. Fails as Container::decode_range() does, and with
  /// kCorrupt when its elements are not what its shape says.
  static ContainerFailure decode(const Container& container, const ListedTensor& tensor,
                                 MutableBytes out, DecodeContext& context) noexcept;

 private:
  FixedArray<ListedTensor> tensors_;
  FixedArray<std::int64_t> dims_;
  FixedArray<char> names_;
};

}  // namespace qc
