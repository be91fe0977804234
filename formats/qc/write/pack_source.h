// What a container is made of: files, and the ranges of them that are coded as tensors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "codecs/shared/element.h"
#include "core/byte_pieces.h"
#include "core/bytes.h"
#include "formats/qc/decode/base_slot.h"
#include "formats/qc/read/manifest.h"

namespace qc {

/// How a slot of an update is made of the base.
struct SlotBase {
  BaseMethod method = BaseMethod::kCopy;
  std::int64_t shift = 0;  ///< as BaseUse has it
  Bytes codebook;          ///< of a method of ranks
};

/// A range of a file that is coded on its own.
struct Slot {
  std::size_t file = 0;
  std::uint64_t offset = 0;                 ///< in the file, bytes
  TensorView view;                          ///< the bytes as elements, or what is stored for them
  std::span<const std::int64_t> dims = {};  ///< of a tensor that has these elements
  std::optional<SlotBase> base = {};        ///< of an update

  /// Whether nothing is stored for it.
  bool is_base_copy() const noexcept { return base && base->method == BaseMethod::kCopy; }
};

/// A file to pack.
struct SourceFile {
  std::string path;  ///< in the container, with slashes
  BytePieces bytes;
};

/// The files of a model in the order of the container, the model's own first, and their slots. What
/// it refers to outlives it.
struct PackSource {
  std::vector<SourceFile> files;
  /// By file and offset, without overlaps, of at least kMinSlot bytes each.
  std::vector<Slot> slots;
  /// The files of the model that this updates, as the manifest has them; none for no update.
  std::vector<ManifestFile> base = {};
  /// Others may write to the files while they are packed.
  bool may_change = false;
  /// Told of bytes that are not read again soon, so that a large model does not fill memory. Called
  /// on several threads.
  std::function<void(ByteView part)> release = [](ByteView) {};

  /// Sum of the sizes of all files, bytes.
  std::uint64_t total_size() const {
    std::uint64_t total = 0;
    for (const SourceFile& file : files) total += file.bytes.size();
    return total;
  }
};

/// Shorter slots cost more to describe than they save: such payloads are cheaper left in the graph.
inline constexpr std::uint64_t kMinSlot = 16;

}  // namespace qc
