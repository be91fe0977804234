// Memory and bookkeeping that decoding borrows.
#pragma once

#include <cstdint>
#include <memory>
#include <new>
#include <type_traits>
#include <vector>

#include "core/bytes.h"

struct ZSTD_DCtx_s;

namespace qc {

struct Layout;

/// What the bits of a stream mean.
enum class StreamUse { kValues, kIndices };

/// Where the bytes of an encoded tensor go. Filled while it is opened.
struct CodedStats {
  std::uint64_t value_bytes = 0;     ///< coded values or codebook ranks
  std::uint64_t index_bytes = 0;     ///< coded positions of non-zeros
  std::uint64_t codebook_bytes = 0;  ///< codebooks
  std::uint64_t table_bytes = 0;     ///< Huffman code lengths
  std::uint64_t value_symbols = 0;   ///< stored elements (fillers included)
  std::uint64_t index_symbols = 0;   ///< gaps and escapes, or bytes of a bitmap
  std::uint64_t codebook_size = 0;   ///< entries of all codebooks
  std::uint32_t value_bits = 0;      ///< fixed width of a stored value before entropy coding
  std::uint32_t index_bits = 0;      ///< fixed width of an index symbol before entropy coding
  const Layout* inner = nullptr;     ///< of the stored values, inside another layout
  bool has_palette = false;          ///< values are stored as ranks in a codebook
  bool value_huffman = false;        ///< some value stream is Huffman coded
  bool index_huffman = false;        ///< the index stream is Huffman coded
};

/// Memory for decoding one tensor at a time. Blocks are kept from one use to the next; what a
/// tensor may take is capped by a budget, so that damaged input cannot ask for more. One per
/// thread.
class DecodeContext {
 public:
  /// No tensor may take more than `most` bytes, whatever its size.
  explicit DecodeContext(std::uint64_t most = UINT64_MAX) noexcept : most_(most) {}
  ~DecodeContext();
  DecodeContext(const DecodeContext&) = delete;
  DecodeContext& operator=(const DecodeContext&) = delete;

  /// Takes all memory back and sets the budget for a tensor of `tensor_bytes`.
  void reset(std::uint64_t tensor_bytes) noexcept;

  /// Memory until the next reset, aligned for any vector register; an empty span when the budget or
  /// the machine has no more.
  MutableBytes take(std::uint64_t size) noexcept;

  /// An object in that memory; null when there is none left. Its destructor never runs.
  template <typename T>
  T* make() noexcept {
    static_assert(std::is_trivially_destructible_v<T>);
    const MutableBytes memory = take(sizeof(T));
    return memory.empty() ? nullptr : new (memory.data()) T();
  }

  /// `count` values of an arithmetic type; null when there is no room.
  template <typename T>
  T* make_array(std::uint64_t count) noexcept {
    if (count > UINT64_MAX / sizeof(T)) return nullptr;
    const MutableBytes memory = take(count * sizeof(T));
    return memory.empty() ? nullptr : reinterpret_cast<T*>(memory.data());
  }

  /// zstd's own state, made when first asked for; null when there is no memory for it.
  ZSTD_DCtx_s* zstd() noexcept;

  /// Records why the input was refused; the first reason stays. Returns null for convenience.
  std::nullptr_t refuse(const char* reason) noexcept {
    if (reason_ == nullptr) reason_ = reason;
    return nullptr;
  }
  const char* reason() const noexcept { return reason_ ? reason_ : "damaged"; }
  /// Whether the tensor might have been decoded with more than the memory that was allowed.
  bool wanted_more() const noexcept { return wanted_more_; }

  CodedStats* stats = nullptr;  ///< filled while opening, when not null
  unsigned depth = 0;           ///< of layouts inside layouts, while opening

 private:
  struct FreeAligned {
    void operator()(std::uint8_t* memory) const noexcept;
  };
  struct Block {
    std::unique_ptr<std::uint8_t[], FreeAligned> memory;
    std::uint64_t size = 0;
    std::uint64_t used = 0;
  };

  std::vector<Block> blocks_;
  std::uint64_t most_;
  std::uint64_t budget_ = 0;
  bool is_capped_ = false;  // the budget is less than the tensor could take
  bool wanted_more_ = false;
  ZSTD_DCtx_s* zstd_ = nullptr;
  const char* reason_ = nullptr;
};

}  // namespace qc
