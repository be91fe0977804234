#include "formats/qc/decode/container_failure.h"

#include <algorithm>
#include <charconv>

namespace qc {

std::size_t TextPiece::write(char* to, std::size_t room) const noexcept {
  if (is_number_) {
    const auto [end, error] = std::to_chars(to, to + room, number_);
    return error == std::errc() ? static_cast<std::size_t>(end - to) : 0;
  }
  const std::size_t size = std::min(text_.size(), room);
  std::copy_n(text_.data(), size, to);
  return size;
}

ContainerFailure failure(ErrorCode code, std::initializer_list<TextPiece> pieces) noexcept {
  ContainerFailure made{.code = code};
  std::size_t size = 0;
  const std::size_t room = made.text.size() - 1;
  for (const TextPiece& piece : pieces) size += piece.write(made.text.data() + size, room - size);
  return made;
}

ContainerFailure corrupt(const char* text) noexcept { return failure(ErrorCode::kCorrupt, {text}); }

ContainerFailure no_memory(std::uint64_t wanted, const char* what) noexcept {
  ContainerFailure made = failure(
      ErrorCode::kLimit, {what, ": this takes ", wanted, " more bytes of memory than there are"});
  made.wanted = wanted;
  return made;
}

}  // namespace qc
