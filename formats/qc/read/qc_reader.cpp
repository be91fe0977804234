#include "formats/qc/read/qc_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <new>
#include <utility>

#include "core/error.h"
#include "core/memory_size.h"
#include "formats/qc/read/container_error.h"
#include "formats/qc/read/context_pool.h"
#include "formats/qc/read/manifest.h"
#include "formats/signatures/foreign_files.h"
#include "formats/signatures/qc_magic.h"
#include "system/byte_size.h"
#include "system/parallel.h"

namespace qc {
namespace {

// The index may take this part of the memory, with what its manifest becomes.
constexpr std::uint64_t kIndexPart = 2;

}  // namespace

void throw_failure(const ContainerFailure& failure) {
  const char* advice = "";
  if (failure.code == ErrorCode::kLimit && failure.wanted != 0) {
    advice = "; if you trust the container, allow more with --max-memory";
  } else if (failure.code == ErrorCode::kUsage) {
    advice = "; qcompress unpack --base takes that model, and gives the new one";
  }
  throw Error(failure.code, fmt::format("{}{}", failure.text.data(), advice));
}

QcReader::QcReader(const ReadLimits& limits)
    : limits_(limits),
      memory_(std::make_unique<LimitedMemory>(limits.memory / kIndexPart)),
      container_(*memory_) {}

QcReader QcReader::open(const std::filesystem::path& path, const ReadLimits& limits) {
  MappedFile mapping(path);
  QcReader reader(limits.for_container(mapping.bytes().size()));
  reader.mapping_ = std::move(mapping);
  try {
    reader.parse(reader.mapping_.bytes());
  } catch (const Error& error) {
    throw Error(error.code(), fmt::format("{}: {}", path.string(), error.what()));
  }
  return reader;
}

QcReader QcReader::from_bytes(ByteView bytes, const ReadLimits& limits) {
  QcReader reader(limits.for_container(bytes.size()));
  reader.parse(bytes);
  return reader;
}

void QcReader::parse(ByteView bytes) {
  if (const std::string foreign = foreign_format(bytes); !is_qc(bytes) && !foreign.empty()) {
    throw Error(ErrorCode::kUnsupported, fmt::format("this is {}", foreign));
  }
  const ContainerFailure failed = container_.open(bytes);
  if (!failed) return;
  if (failed.wanted == 0) throw_failure(failed);
  if (!memory_->ran_out()) throw std::bad_alloc();
  throw Error(
      failed.code,
      fmt::format("{}; if you trust the container, allow --max-memory {}", failed.text.data(),
                  byte_size_text(kIndexPart * (memory_->used() + failed.wanted))));
}

void QcReader::set_base(std::span<const ByteView> files) {
  if (const auto failed = container_.set_base(files)) throw_failure(failed);
}

void QcReader::restore(const QcSlot& slot, std::uint64_t offset, MutableBytes bytes) const {
  if (const auto failed = container_.restore(slot, offset, bytes, heap())) throw_failure(failed);
}

std::map<std::string, std::string> QcReader::metadata() const {
  return metadata_by_key(container_.notes());
}

void QcReader::require_model_size() const {
  const std::uint64_t size = model_size();
  if (size <= limits_.model) return;
  throw Error(
      ErrorCode::kLimit,
      fmt::format("it says that it holds {}, {} times its own {}; if you trust it and there is "
                  "room, allow --max-size {}",
                  byte_size_text(size), size / container_size(), byte_size_text(container_size()),
                  byte_size_text(size)));
}

void QcReader::decode_unit(std::size_t unit, MutableBytes out, DecodeContext& context,
                           StoreMode mode) const {
  if (const auto failed = container_.decode_unit(unit, out, context, mode)) throw_failure(failed);
}

std::vector<UnitPart> QcReader::unit_parts(const QcSlot& slot) const {
  std::vector<UnitPart> parts;
  container_.each_part(slot, [&](const UnitPart& part) {
    parts.push_back(part);
    return true;
  });
  return parts;
}

void QcReader::decode_part(const UnitPart& part, MutableBytes out, DecodeContext& context) const {
  const MutableBytes target = out.subspan(part.offset, part.size);
  if (part.size == units()[part.unit].size) {
    return decode_unit(part.unit, target, context, StoreMode::kStreaming);
  }
  Bytes whole(units()[part.unit].size);
  decode_unit(part.unit, whole, context);
  std::copy_n(whole.begin() + static_cast<std::ptrdiff_t>(part.begin), part.size, target.begin());
}

void QcReader::load_slot(std::size_t slot_index, MutableBytes out, unsigned threads) const {
  const QcSlot& slot = container_.source_of(slots()[slot_index]);
  const auto& transposed = slots()[slot_index].transposed;
  Bytes before_turn(transposed ? memory_size(slot.size) : 0);
  const MutableBytes target = transposed ? MutableBytes(before_turn) : out;
  const std::vector<UnitPart> parts = unit_parts(slot);
  ContextPool contexts(limits_.memory);
  parallel_for(parts.size(), thread_count(threads), [&](std::size_t i) {
    auto context = contexts.take();
    decode_part(parts[i], target, *context);
    contexts.give(std::move(context));
  });
  restore(slot, 0, target);
  if (transposed) transpose(before_turn, *transposed, out);
}

Bytes QcReader::decode_slot(std::size_t slot_index, DecodeContext& context,
                            SharedUnits& shared) const {
  const QcSlot& slot = container_.source_of(slots()[slot_index]);
  Bytes out(memory_size(slot.size));
  for (const UnitPart& part : unit_parts(slot)) {
    const MutableBytes target = MutableBytes(out).subspan(part.offset, part.size);
    if (!units()[part.unit].is_shared()) {
      decode_unit(part.unit, target, context);
      continue;
    }
    const ByteView unit = shared.use(part.unit, context);
    std::copy_n(unit.data() + part.begin, part.size, target.data());
    shared.done(part.unit);
  }
  restore(slot, 0, out);
  const auto& transposed = slots()[slot_index].transposed;
  if (!transposed) return out;
  Bytes turned(out.size());
  transpose(out, *transposed, turned);
  return turned;
}

Bytes QcReader::decode_slot(std::size_t slot_index, DecodeContext& context) const {
  SharedUnits shared(*this, limits_.memory);
  shared.expect(slot_index);
  return decode_slot(slot_index, context, shared);
}

}  // namespace qc
