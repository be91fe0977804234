// Units, slots and files of a container, decoded.
#include <algorithm>

#include "formats/qc/decode/checksum.h"
#include "formats/qc/decode/container.h"
#include "formats/qc/decode/unit_cache.h"

namespace qc {
namespace {

constexpr const char* kTooLarge = "a tensor is too large";
// Bytes of the base that are hashed at a time.
constexpr std::uint64_t kCopyStep = std::uint64_t{1} << 16;

// Decodes slots one after the other. The cache was told of each; without one, units that slots
// share are decoded for each of them.
class SlotDecoder {
 public:
  SlotDecoder(const Container& container, UnitCache* cache, DecodeContext& context) noexcept
      : container_(container), cache_(cache), context_(context) {}

  // Into `out`, of the slot's size.
  ContainerFailure decode(const QcSlot& slot, MutableBytes out) noexcept {
    if (slot.base) {
      if (const auto failed = decode_parts(slot, out)) return failed;
      return container_.restore(slot, 0, out, context_.allocator());
    }
    if (!slot.transposed) return decode_parts(container_.source_of(slot), out);
    FixedArray<std::uint8_t> source(context_.allocator());
    if (!source.create(slot.size)) return no_memory(slot.size, kTooLarge);
    if (const auto failed = decode_parts(container_.source_of(slot), source.span())) return failed;
    transpose(source.span(), *slot.transposed, out);
    return {};
  }

  // Some bytes of one unit, into `out` of their size.
  ContainerFailure decode_part(const UnitPart& part, MutableBytes out) noexcept {
    const QcUnit& unit = container_.units()[part.unit];
    if (!unit.is_shared()) return container_.decode_unit(part.unit, out, context_);
    ByteView bytes;
    FixedArray<std::uint8_t> own(context_.allocator());
    if (cache_ != nullptr) {
      if (const auto failed = cache_->use(part.unit, context_, bytes)) return failed;
    } else {
      if (!own.create(unit.size)) return no_memory(unit.size, kTooLarge);
      if (const auto failed = container_.decode_unit(part.unit, own.span(), context_)) {
        return failed;
      }
      bytes = own.span();
    }
    std::copy_n(bytes.data() + part.begin, out.size(), out.data());
    if (cache_ != nullptr) cache_->done(part.unit);
    return {};
  }

 private:
  ContainerFailure decode_parts(const QcSlot& slot, MutableBytes out) noexcept {
    ContainerFailure failed;
    container_.each_part(slot, [&](const UnitPart& part) {
      failed = decode_part(part, out.subspan(static_cast<std::size_t>(part.offset),
                                             static_cast<std::size_t>(part.size)));
      return !failed;
    });
    return failed;
  }

  const Container& container_;
  UnitCache* cache_;  // or null
  DecodeContext& context_;
};

ContainerFailure check_digest(const QcFile& file, const Digest& digest) noexcept {
  if (checksum_matches(digest, file.digest)) return {};
  return failure(ErrorCode::kCorrupt,
                 {file.path.substr(0, 100), " does not have the checksum it was packed with"});
}

// Decodes a slot in pieces of at most a unit, or a transposed slot, and gives them to a hasher.
ContainerFailure hash_slot(const Container& container, const QcSlot& slot, SlotDecoder& decoder,
                           Allocator& memory, Hasher& hasher) noexcept {
  ContainerFailure failed;
  FixedArray<std::uint8_t> piece(memory);
  if (slot.is_base_copy()) {
    if (!piece.create(std::min(slot.size, kCopyStep))) return no_memory(kCopyStep, kTooLarge);
    for (std::uint64_t done = 0; done < slot.size; done += piece.size()) {
      const auto some =
          static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), slot.size - done));
      const MutableBytes bytes = piece.span().first(some);
      if ((failed = container.restore(slot, done, bytes, memory))) return failed;
      hasher.update(bytes);
    }
    return {};
  }
  if (slot.is_whole()) {
    if (!piece.create(slot.size)) return no_memory(slot.size, kTooLarge);
    if ((failed = decoder.decode(slot, piece.span()))) return failed;
    hasher.update(piece.span());
    return {};
  }
  container.each_part(container.source_of(slot), [&](const UnitPart& part) {
    if (piece.size() < part.size) {
      piece.clear();
      if (!piece.create(part.size)) {
        failed = no_memory(part.size, kTooLarge);
        return false;
      }
    }
    const MutableBytes bytes = piece.span().first(static_cast<std::size_t>(part.size));
    if ((failed = decoder.decode_part(part, bytes))) return false;
    if ((failed = container.restore(slot, part.offset, bytes, memory))) return false;
    hasher.update(bytes);
    return true;
  });
  return failed;
}

}  // namespace

ContainerFailure Container::decode_unit(std::size_t unit, MutableBytes out, DecodeContext& context,
                                        StoreMode mode) const noexcept {
  const QcUnit& source = units_[unit];
  if (!checksum_matches(static_cast<std::uint32_t>(xxh3_64(source.stored)), source.checksum)) {
    return failure(ErrorCode::kCorrupt, {"unit ", unit, " is damaged (checksum)"});
  }
  const DecodeFailure reason = decode_tensor(source.stored, out, context, mode);
  if (reason == nullptr) return {};
  if (context.was_starved()) {
    return no_memory(coding_budget(source.size), "a unit cannot be decoded");
  }
  if (context.wanted_more()) {
    ContainerFailure failed =
        failure(ErrorCode::kLimit, {"unit ", unit, " takes more memory to decode than is allowed"});
    failed.wanted = coding_budget(source.size);
    return failed;
  }
  return failure(ErrorCode::kCorrupt, {"unit ", unit, " is damaged: ", reason});
}

ContainerFailure Container::decode_slot(std::size_t slot, MutableBytes out,
                                        DecodeContext& context) const noexcept {
  return SlotDecoder(*this, nullptr, context).decode(slots_[slot], out);
}

ByteView Container::literal_at(std::size_t file, std::uint64_t offset) const noexcept {
  const QcFile& entry = files_[file];
  const auto slots = slots_of(entry);
  // The first slot that ends after the offset.
  const auto next = std::partition_point(slots.begin(), slots.end(), [&](const QcSlot& slot) {
    return slot.offset + slot.size <= offset;
  });
  if (next == slots.end()) {
    return entry.literal.last(static_cast<std::size_t>(entry.size - std::min(offset, entry.size)));
  }
  if (next->offset <= offset) return {};
  const std::uint64_t left = next->offset - offset;
  return entry.literal.subspan(static_cast<std::size_t>(next->literal_before - left),
                               static_cast<std::size_t>(left));
}

ContainerFailure Container::decode_range(std::size_t file, std::uint64_t offset, MutableBytes out,
                                         DecodeContext& context) const noexcept {
  const auto slots = slots_of(files_[file]);
  auto next = std::partition_point(slots.begin(), slots.end(), [&](const QcSlot& slot) {
    return slot.offset + slot.size <= offset;
  });
  SlotDecoder decoder(*this, nullptr, context);
  for (std::size_t done = 0; done < out.size();) {
    const ByteView literal = literal_at(file, offset + done);
    MutableBytes target = out.subspan(done);
    if (!literal.empty()) {
      target = target.first(std::min(target.size(), literal.size()));
      std::copy_n(literal.begin(), target.size(), target.begin());
    } else {
      const QcSlot& slot = *next++;
      const auto skipped = static_cast<std::size_t>(offset + done - slot.offset);
      const auto size = static_cast<std::size_t>(slot.size);
      target = target.first(std::min(target.size(), size - skipped));
      if (target.size() == size) {
        if (const auto failed = decoder.decode(slot, target)) return failed;
      } else {
        FixedArray<std::uint8_t> whole(context.allocator());
        if (!whole.create(size)) return no_memory(size, kTooLarge);
        if (const auto failed = decoder.decode(slot, whole.span())) return failed;
        std::copy_n(whole.span().begin() + static_cast<std::ptrdiff_t>(skipped), target.size(),
                    target.begin());
      }
    }
    done += target.size();
  }
  return {};
}

ContainerFailure Container::decode_file(std::size_t file, MutableBytes out,
                                        DecodeContext& context) const noexcept {
  const QcFile& entry = files_[file];
  const auto slots = slots_of(entry);
  // What repeats a slot of the same file is copied from there.
  const auto is_copy = [&](const QcSlot& slot) {
    return slot.repeat_of && *slot.repeat_of >= entry.first_slot;
  };
  UnitCache cache(*this, context.allocator(), context.allocator());
  if (const auto failed = cache.create()) return failed;
  for (const QcSlot& slot : slots) {
    if (!is_copy(slot)) cache.expect(slot);
  }
  SlotDecoder decoder(*this, &cache, context);
  const auto place_of = [&](const QcSlot& slot) {
    return out.subspan(static_cast<std::size_t>(slot.offset), static_cast<std::size_t>(slot.size));
  };
  const std::uint8_t* literal = entry.literal.data();
  std::uint64_t at = 0;
  for (const QcSlot& slot : slots) {
    const std::uint64_t before = slot.offset - at;
    std::copy_n(literal, before, out.data() + at);
    literal += before;
    at = slot.offset + slot.size;
    if (!is_copy(slot)) {
      if (const auto failed = decoder.decode(slot, place_of(slot))) return failed;
    } else if (const ByteView source = place_of(source_of(slot)); slot.transposed) {
      transpose(source, *slot.transposed, place_of(slot));
    } else {
      std::copy(source.begin(), source.end(), place_of(slot).begin());
    }
  }
  std::copy_n(literal, out.size() - at, out.data() + at);
  return check_digest(entry, xxh3_128(out));
}

ContainerFailure Container::verify(DecodeContext& context) const noexcept {
  UnitCache cache(*this, context.allocator(), context.allocator());
  if (const auto failed = cache.create()) return failed;
  for (const QcSlot& slot : slots_.span()) cache.expect(slot);
  SlotDecoder decoder(*this, &cache, context);
  for (const QcFile& file : files_.span()) {
    Hasher hasher;
    ByteView literal = file.literal;
    std::uint64_t at = 0;
    for (const QcSlot& slot : slots_of(file)) {
      const auto before = static_cast<std::size_t>(slot.offset - at);
      hasher.update(literal.first(before));
      literal = literal.subspan(before);
      at = slot.offset + slot.size;
      if (const auto failed = hash_slot(*this, slot, decoder, context.allocator(), hasher)) {
        return failed;
      }
    }
    hasher.update(literal);
    if (const auto failed = check_digest(file, hasher.digest())) return failed;
  }
  return {};
}

}  // namespace qc
