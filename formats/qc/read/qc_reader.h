// Reads .qc containers. Fed with untrusted bytes: everything is checked before it is used or
// allocated.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "codecs/decode/tensor_decoder.h"
#include "formats/qc/decode/container.h"
#include "formats/qc/decode/limited_memory.h"
#include "formats/qc/read/read_limits.h"
#include "formats/qc/read/shared_units.h"
#include "system/file.h"

namespace qc {

using ProgressFunction = std::function<void(std::uint64_t bytes)>;

class QcReader {
 public:
  QcReader(QcReader&&) = default;
  QcReader& operator=(QcReader&&) = delete;

  /// Reads header, footer and index. Throws Error: kFile, kCorrupt, kUnsupported or kLimit.
  static QcReader open(const std::filesystem::path& path, const ReadLimits& limits = {});
  /// The same for bytes that outlive the reader.
  static QcReader from_bytes(ByteView bytes, const ReadLimits& limits = {});

  std::string_view writer() const noexcept { return container_.writer(); }
  std::span<const QcFile> files() const noexcept { return container_.files(); }
  std::span<const QcUnit> units() const noexcept { return container_.units(); }
  std::span<const QcSlot> slots() const noexcept { return container_.slots(); }
  /// What the writer was told to keep.
  std::map<std::string, std::string> metadata() const;
  ByteView manifest_bytes() const noexcept { return container_.manifest_bytes(); }
  const QcOverhead& overhead() const noexcept { return container_.overhead(); }
  std::uint64_t container_size() const noexcept { return container_.size(); }
  const Container& container() const noexcept { return container_; }
  /// The limits that hold, defaults put in.
  const ReadLimits& limits() const noexcept { return limits_; }

  /// Gives an update its base, as Container::set_base(); the bytes outlive the reader. Throws
  /// Error.
  void set_base(std::span<const ByteView> files);

  /// Bytes of all files together, as the container says.
  std::uint64_t model_size() const noexcept { return container_.model_size(); }
  /// Throws Error(kLimit) when that is more than ReadLimits::model.
  void require_model_size() const;

  /// Decodes a unit into `out`, of the unit's size. Throws Error(kCorrupt).
  void decode_unit(std::size_t unit, MutableBytes out, DecodeContext& context,
                   StoreMode mode = StoreMode::kCached) const;

  /// Makes bytes of a slot of an update, as Container::restore(). Throws Error: kUsage, kCorrupt.
  void restore(const QcSlot& slot, std::uint64_t offset, MutableBytes bytes) const;

  /// Decodes a slot, repeated ones too, into memory of the caller's: `out` has the slot's size.
  /// Large slots go past the caches. For loading tensors where they are to stay; aligned memory in
  /// huge pages is filled fastest. Throws Error(kCorrupt).
  void load_slot(std::size_t slot_index, MutableBytes out, unsigned threads) const;

  /// The same on one thread, in new memory. Units of several slots come from `shared`, where the
  /// slot was announced once for this call.
  Bytes decode_slot(std::size_t slot_index, DecodeContext& context, SharedUnits& shared) const;
  Bytes decode_slot(std::size_t slot_index, DecodeContext& context) const;

  /// Where the bytes of a slot that repeats no other are.
  std::vector<UnitPart> unit_parts(const QcSlot& slot) const;

  /// Decodes every file in order, hands its bytes to `sinks[file]` (null: nowhere) and compares its
  /// checksum. Takes time in proportion to what comes out, and memory within the limits. Throws
  /// Error: kCorrupt, kLimit.
  void decode_files(const std::vector<ByteSink*>& sinks, unsigned threads,
                    const ProgressFunction& progress) const;

  /// All files in memory: path and bytes, the .onnx file first.
  std::vector<std::pair<std::filesystem::path, Bytes>> decode_to_memory(unsigned threads) const;

  /// Writes the model to `path`, its external files beside it under their own names. A file that is
  /// there already with the very same bytes is left alone. All files appear, or none. Gives the old
  /// files that could not be removed, which have hidden names now.
  std::vector<std::filesystem::path> unpack(const std::filesystem::path& path, Overwrite overwrite,
                                            unsigned threads, const ProgressFunction& progress,
                                            Sync sync = Sync::kToDisk) const;

 private:
  explicit QcReader(const ReadLimits& limits);
  void parse(ByteView bytes);
  void decode_part(const UnitPart& part, MutableBytes out, DecodeContext& context) const;
  void require_no_input(const std::filesystem::path& target) const;

  MappedFile mapping_;
  ReadLimits limits_;
  std::unique_ptr<LimitedMemory> memory_;  // of the index
  Container container_;
};

}  // namespace qc
