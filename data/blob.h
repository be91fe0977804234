// Whole files and archive members as bytes, however they are compressed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "core/bytes.h"
#include "system/file.h"

namespace qc {

/// Decompressed bytes, front to back.
class Inflow {
 public:
  virtual ~Inflow() = default;
  /// Fills `to` as far as there are bytes and returns how many; fewer than asked only at the end.
  /// Throws Error(kCorrupt) for damaged input.
  virtual std::size_t read(MutableBytes to) = 0;
};

/// Bytes that are mapped, or in memory where they were compressed.
class Blob {
 public:
  explicit Blob(MappedFile file) : file_(std::move(file)), mapped_(true) {}
  explicit Blob(Bytes bytes) : memory_(std::move(bytes)) {}

  ByteView bytes() const noexcept { return mapped_ ? file_.bytes() : ByteView(memory_); }

 private:
  MappedFile file_;
  Bytes memory_;
  bool mapped_ = false;
};

/// At most so many bytes are shown to an AnnouncedSize.
inline constexpr std::size_t kHeaderBytes = std::size_t{64} << 10;

/// The memory that a file of a data set may take: what it holds decompressed, or what its labels
/// and names come to. A compressed file that is larger itself may take as much as that.
inline constexpr std::uint64_t kMaxInMemory = std::uint64_t{1} << 30;

/// Throws Error(kLimit) naming `name` when `bytes` are more than `limit`.
void require_memory(const std::string& name, std::uint64_t bytes,
                    std::uint64_t limit = kMaxInMemory);

/// The size of the whole that its first bytes announce, nothing where the format has no header.
/// May throw Error(kCorrupt).
using AnnouncedSize = std::function<std::optional<std::uint64_t>(ByteView first)>;

/// Reads all that `inflow` gives, of a file with `stored` bytes. Memory grows with the bytes that
/// are there, not with what the header announces. Throws Error naming `name`: kCorrupt when there
/// are fewer or more bytes than announced, kLimit when they are too many.
Bytes read_announced(Inflow& inflow, const std::string& name, std::uint64_t stored,
                     const AnnouncedSize& announced);

/// A file: mapped, or inflated when its name ends in ".gz". Throws Error(kFile) and as
/// read_announced() does.
Blob read_blob(const std::filesystem::path& path, const AnnouncedSize& announced);

}  // namespace qc
