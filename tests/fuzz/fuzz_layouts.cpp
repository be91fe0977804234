// Bytes as an encoded tensor: layout, element, count, then what the layout reads.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>

#include "codecs/decode/tensor_decoder.h"
#include "codecs/encode/tensor_encoder.h"

namespace qc::fuzz {
namespace {

constexpr std::array<std::uint8_t, 4> kWidths = {1, 2, 4, 8};
constexpr std::size_t kHead = 4;
// The slowest layout takes about a second of processor time for so many, with the sanitizers.
constexpr std::size_t kMostElements = std::size_t{1} << 14;

// Decodes over other bytes than the last time: nothing may shine through.
DecodeFailure decode_over(std::uint8_t fill, ByteView coded, Bytes& out, DecodeContext& context) {
  std::fill(out.begin(), out.end(), fill);
  return decode_tensor(coded, out, context);
}

void run(ByteView input) {
  if (input.size() < kHead) return;
  const auto layouts = layout_encoders();
  const LayoutEncoder& layout = *layouts[input[0] % layouts.size()];
  const Element element{kWidths[input[1] % kWidths.size()], (input[1] & 0x10) != 0};
  const std::size_t count = load_le<std::uint16_t>(input.data() + 2) % (kMostElements + 1);
  Bytes coded = {static_cast<std::uint8_t>(layout.id()), element_code(element)};
  append(coded, input.subspan(kHead));

  // Both contexts are full of what inputs before left there.
  static DecodeContext first_context;
  static DecodeContext second_context;
  Bytes first(count * element.width);
  Bytes second(first.size());
  const DecodeFailure failure = decode_over(0x00, coded, first, first_context);
  if ((decode_over(0xff, coded, second, second_context) == nullptr) != (failure == nullptr)) {
    std::abort();
  }
  if (failure == nullptr && first != second) std::abort();

  CodedTensorInfo info;
  const DecodeFailure opening = describe_tensor(coded, first.size(), first_context, info);
  if (opening != nullptr && failure == nullptr) std::abort();
  const CodedStats& stats = info.stats;
  const std::uint64_t told =
      stats.value_bytes + stats.index_bytes + stats.codebook_bytes + stats.table_bytes;
  if (opening == nullptr && told > coded.size()) std::abort();
}

}  // namespace
}  // namespace qc::fuzz

// NOLINTNEXTLINE(readability-identifier-naming): the name is libFuzzer's
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  qc::fuzz::run({data, size});
  return 0;
}
