// Runs of elements that repeat earlier ones, forwards or backwards, with the same or the other
// sign, along rows or columns: tables of sines and cosines, mirrored filters, tiled matrices.
#include <algorithm>
#include <cstring>

#include "codecs/decode/layout_table.h"
#include "codecs/decode/varint.h"
#include "codecs/shared/repeat_runs.h"

namespace qc {
namespace {

constexpr std::uint64_t kMostNumberBytes = 9;  // of 63 bits

// Reads varints from a stream of bytes.
class VarintStream {
 public:
  void start(SymbolReader* bytes, std::uint64_t size) noexcept {
    bytes_ = bytes;
    left_ = size;
  }

  // False when the stream ends, or the number has over 63 bits or more bytes than it needs.
  bool next(std::uint64_t& number) noexcept {
    number = 0;
    for (unsigned shift = 0; shift < 63; shift += 7) {
      if (at_ == size_ && !refill()) return false;
      const Symbol byte = block_[at_++];
      number |= std::uint64_t{byte & 0x7fu} << shift;
      if (byte < 0x80) return byte != 0 || shift == 0;
    }
    return false;
  }

  bool finish() noexcept { return at_ == size_ && left_ == 0 && bytes_->finish(); }

 private:
  bool refill() noexcept {
    if (left_ == 0) return false;
    at_ = 0;
    size_ = static_cast<std::size_t>(std::min<std::uint64_t>(left_, kBlock));
    bytes_->read({block_, size_});
    left_ -= size_;
    return true;
  }

  SymbolReader* bytes_ = nullptr;
  std::uint64_t left_ = 0;
  std::size_t at_ = 0;
  std::size_t size_ = 0;
  Symbol block_[kBlock];
};

class RepeatsReader final : public ElementReader {
 public:
  VarintStream skips;
  VarintStream lengths;
  VarintStream distances;
  ElementReader* literals = nullptr;
  std::uint64_t literal_count = 0;
  std::uint64_t run_count = 0;
  std::uint8_t* elements = nullptr;  // all of them, in the order of the runs
  std::uint8_t* stored = nullptr;    // room for the literals
  std::uint64_t count = 0;
  std::uint64_t columns = 1;
  Element element;

  void read(std::uint8_t* out, std::size_t some) noexcept override {
    if (!expanded_) expand();
    const std::size_t width = element.width;
    if (columns == 1) {
      std::memcpy(out, elements + read_ * width, some * width);
      read_ += some;
      return;
    }
    const std::uint64_t rows = count / columns;
    with_width(element.width, [&]<typename T>() {
      for (std::size_t i = 0; i < some; ++i, ++read_) {
        const std::uint64_t place = read_ % columns * rows + read_ / columns;
        std::memcpy(out + i * sizeof(T), elements + place * sizeof(T), sizeof(T));
      }
    });
  }

  bool finish() noexcept override {
    return expanded_ && valid_ && literals->finish() && skips.finish() && lengths.finish() &&
           distances.finish();
  }

 private:
  void expand() noexcept {
    expanded_ = true;
    for (std::uint64_t done = 0; done < literal_count; done += kBlock) {
      const auto some =
          static_cast<std::size_t>(std::min<std::uint64_t>(kBlock, literal_count - done));
      literals->read(stored + done * element.width, some);
    }
    valid_ = copy_runs();
    if (!valid_) std::memset(elements, 0, bytes_of(count));
  }

  // Of at most `count` elements, for all of which there was memory.
  std::size_t bytes_of(std::uint64_t some) const noexcept {
    return static_cast<std::size_t>(some) * element.width;
  }

  bool copy_runs() noexcept {
    std::uint64_t at = 0;
    std::uint64_t taken = 0;  // literals
    bool backward = false;
    bool has_next = false;
    std::uint64_t next_source = 0;
    for (std::uint64_t run = 0; run < run_count; ++run) {
      std::uint64_t skip = 0;
      std::uint64_t length = 0;
      std::uint64_t distance = 0;
      if (!skips.next(skip) || !lengths.next(length) || !distances.next(distance)) return false;
      const bool goes_backward = (length & kBackward) != 0;
      const bool negated = (length & kNegated) != 0;
      length = length / kLengthStep + 1;
      if (skip > literal_count - taken || skip > count - at || length > count - at - skip ||
          (negated && !element.is_float)) {
        return false;
      }
      std::memcpy(elements + bytes_of(at), stored + bytes_of(taken), bytes_of(skip));
      at += skip;
      taken += skip;
      std::uint64_t source = at - distance;
      if (distance > at) return false;
      if (distance == kGoesOn && (!has_next || goes_backward != backward ||
                                  !source_going_on(next_source, skip, backward, source))) {
        return false;
      }
      if (source >= at || (goes_backward && length > source + 1)) return false;
      with_width(element.width,
                 [&]<typename T>() { copy_run<T>(at, source, length, goes_backward, negated); });
      at += length;
      backward = goes_backward;
      has_next = !backward || source + 1 > length;
      next_source = backward ? source - length : source + length;
    }
    if (literal_count - taken != count - at) return false;
    std::memcpy(elements + bytes_of(at), stored + bytes_of(taken), bytes_of(count - at));
    return true;
  }

  template <typename T>
  void copy_run(std::uint64_t at, std::uint64_t source, std::uint64_t length, bool goes_backward,
                bool negated) noexcept {
    const T flip = negated ? static_cast<T>(T{1} << (8 * sizeof(T) - 1)) : T{0};
    for (std::uint64_t i = 0; i < length; ++i) {
      const std::uint64_t from = goes_backward ? source - i : source + i;
      const T value = load_le<T>(elements + from * sizeof(T)) ^ flip;
      store_le(elements + (at + i) * sizeof(T), value);
    }
  }

  bool expanded_ = false;
  bool valid_ = false;
  std::uint64_t read_ = 0;
};

[[gnu::cold]] ElementReader* open(ByteReader& in, Element element, std::uint64_t count,
                                  DecodeContext& context, CodedStats* stats) noexcept {
  auto* reader = context.make<RepeatsReader>();
  if (reader == nullptr) return context.refuse("too much memory wanted");
  reader->element = element;
  reader->count = count;
  reader->columns = read_varint(in);
  reader->run_count = read_varint(in);
  reader->literal_count = read_varint(in);
  if (!in.ok() || count == 0 || reader->columns < 1 || count % reader->columns != 0 ||
      reader->run_count > count || reader->literal_count > count) {
    return context.refuse("the runs of a tensor are damaged");
  }
  std::uint64_t number_bytes = 0;
  for (VarintStream* numbers : {&reader->skips, &reader->lengths, &reader->distances}) {
    const std::uint64_t size = read_varint(in);
    if (size > kMostNumberBytes * reader->run_count) {
      return context.refuse("the runs of a tensor are damaged");
    }
    number_bytes += size;
    SymbolReader* bytes = open_stream(in, size, 256, StreamUse::kIndices, context, stats);
    if (bytes == nullptr) return nullptr;
    numbers->start(bytes, size);
  }
  reader->literals = open_dense(in, element, reader->literal_count, context, stats);
  if (reader->literals == nullptr) return nullptr;
  reader->elements = context.make_array<std::uint8_t>(count * element.width);
  reader->stored = context.make_array<std::uint8_t>(reader->literal_count * element.width);
  if (reader->elements == nullptr || reader->stored == nullptr) {
    return context.refuse("too much memory wanted");
  }
  if (stats != nullptr) {
    stats->value_symbols = reader->literal_count;
    stats->index_symbols = number_bytes;
    stats->index_bits = 8;
  }
  return reader;
}

}  // namespace

const LayoutDecoder kRepeatsDecoder = {
    .id = LayoutId::kRepeats, .name = "repeats", .is_dense = false, .open = open};

}  // namespace qc
