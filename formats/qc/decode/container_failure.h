// What is wrong with a container, for code without exceptions.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string_view>

#include "core/error_code.h"

namespace qc {

/// Converts to true when something went wrong.
struct [[nodiscard]] ContainerFailure {
  ErrorCode code = ErrorCode::kCorrupt;
  /// kLimit: for memory of so many bytes at a time; 0 where that is not known.
  std::uint64_t wanted = 0;
  /// What and where, with a zero byte at the end; empty when nothing did.
  std::array<char, 192> text{};

  explicit operator bool() const noexcept { return text[0] != '\0'; }
};

/// A piece of a text: printf would be a large part of a small decoder.
class TextPiece {
 public:
  // NOLINTBEGIN(google-explicit-constructor): lists of pieces read like the text.
  constexpr TextPiece(const char* text) noexcept : text_(text) {}
  constexpr TextPiece(std::string_view text) noexcept : text_(text) {}
  constexpr TextPiece(std::uint64_t number) noexcept : number_(number), is_number_(true) {}
  // NOLINTEND(google-explicit-constructor)

  /// Writes the piece to `to`, at most `room` bytes of it; gives how many.
  std::size_t write(char* to, std::size_t room) const noexcept;

 private:
  std::string_view text_;
  std::uint64_t number_ = 0;
  bool is_number_ = false;
};

/// A failure whose text is the pieces, cut where it is too long.
ContainerFailure failure(ErrorCode code, std::initializer_list<TextPiece> pieces) noexcept;

/// ErrorCode::kCorrupt.
ContainerFailure corrupt(const char* text) noexcept;

/// ErrorCode::kLimit: there is no memory of `wanted` bytes for something.
ContainerFailure no_memory(std::uint64_t wanted, const char* what) noexcept;

}  // namespace qc
