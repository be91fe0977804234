#include "formats/qc_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include "codecs/zstd_bytes.h"
#include "core/error.h"
#include "core/memory_size.h"
#include "core/page_buffer.h"
#include "core/parallel.h"
#include "formats/checksum.h"
#include "formats/container_path.h"
#include "formats/graph_dictionary.h"

namespace qc {
namespace {

// The most that zstd can shrink: a block of 128 KiB in 4 bytes.
constexpr std::uint64_t kMaxZstdRatio = std::uint64_t{1} << 15;

// Smaller models are decoded before another thread has started.
constexpr std::uint64_t kMinParallel = std::uint64_t{1} << 20;

[[noreturn]] void corrupt(const std::string& what) { throw Error(ErrorCode::kCorrupt, what); }

// Contexts for as many threads as decode at a time.
class ContextPool {
 public:
  std::unique_ptr<DecodeContext> take() {
    const std::lock_guard lock(mutex_);
    if (free_.empty()) return std::make_unique<DecodeContext>();
    auto context = std::move(free_.back());
    free_.pop_back();
    return context;
  }

  void give(std::unique_ptr<DecodeContext> context) {
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(context));
  }

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<DecodeContext>> free_;
};

// Gives stored bytes that were decoded back to the system, neighbours together: a call for each of
// many small units would take longer than decoding them.
class Releaser {
 public:
  explicit Releaser(const MappedFile& file) : file_(file) {}

  void add(ByteView part) {
    const bool is_next =
        !pending_.empty() && part.data() >= end() && part.data() < end() + kQcAlignment;
    if (is_next) {
      pending_ = {pending_.data(), part.data() + part.size()};
    } else {
      release();
      pending_ = part;
    }
    if (pending_.size() >= kStep) release();
  }

 private:
  static constexpr std::size_t kStep = std::size_t{1} << 20;

  const std::uint8_t* end() const noexcept { return pending_.data() + pending_.size(); }

  void release() {
    file_.release(pending_);
    pending_ = {};
  }

  const MappedFile& file_;
  ByteView pending_;
};

// A piece of a file: literal bytes, a range of a decoded unit, or a transposed slot.
struct Piece {
  std::size_t file = 0;
  ByteView literal;
  std::optional<std::size_t> unit;
  std::uint64_t begin = 0;
  std::uint64_t size = 0;
  std::optional<std::size_t> transposed = {};
};

}  // namespace

QcReader QcReader::open(const std::filesystem::path& path) {
  QcReader reader;
  reader.mapping_ = MappedFile(path);
  try {
    reader.parse(reader.mapping_.bytes());
  } catch (const Error& error) {
    throw Error(error.code(), fmt::format("{}: {}", path.string(), error.what()));
  }
  return reader;
}

QcReader QcReader::from_bytes(ByteView bytes) {
  QcReader reader;
  reader.parse(bytes);
  return reader;
}

void QcReader::parse(ByteView bytes) {
  bytes_ = bytes;
  check_qc_header(bytes);
  if (bytes.size() < kQcHeaderSize + kQcFooterSize) corrupt("the file was cut short");
  const QcFooter footer = parse_footer(bytes.last(kQcFooterSize));
  const std::uint64_t body = bytes.size() - kQcHeaderSize - kQcFooterSize;
  if (footer.index_stored_size > body) corrupt("the index is larger than the file");
  const std::uint64_t index_start = bytes.size() - kQcFooterSize - footer.index_stored_size;
  const ByteView stored = bytes.subspan(index_start, footer.index_stored_size);
  if (!checksum_matches(xxh3_64(stored), footer.index_checksum)) {
    corrupt("the index is damaged (checksum)");
  }
  if (footer.dictionary > 1) corrupt("the index names an unknown dictionary");
  if (footer.manifest_size > footer.index_size ||
      footer.index_size / kMaxZstdRatio > footer.index_stored_size ||
      zstd_content_size(stored) != footer.index_size) {
    corrupt("the index is damaged (sizes)");
  }
  index_.resize(footer.index_size);
  const ByteView dictionary = footer.dictionary == 1 ? graph_dictionary() : ByteView();
  if (!zstd_decompress(stored, index_, dictionary)) corrupt("the index is damaged");
  manifest_ = parse_manifest(ByteView(index_).last(footer.manifest_size));
  overhead_.index = footer.index_stored_size;
  overhead_.manifest_raw = footer.manifest_size;
  overhead_.literal_raw = footer.index_size - footer.manifest_size;
  place_units(index_start);
  place_slots();
}

void QcReader::place_units(std::uint64_t units_end) {
  std::uint64_t end = kQcHeaderSize;
  std::uint64_t stored = 0;
  for (const ManifestUnit& unit : manifest_.units) {
    if (unit.size == 0) corrupt("a unit is empty");
    if (unit.size > kQcMaxUnit) throw Error(ErrorCode::kLimit, "a unit is larger than 64 MiB");
    const std::uint64_t start = unit_start(end, unit.stored_size);
    if (start > units_end || unit.stored_size > units_end - start) {
      corrupt("a unit runs into the index");
    }
    const ByteView padding = bytes_.subspan(end, start - end);
    if (std::any_of(padding.begin(), padding.end(), [](std::uint8_t byte) { return byte != 0; })) {
      corrupt("the padding between units is damaged");
    }
    units_.push_back({bytes_.subspan(start, unit.stored_size), unit.size, unit.checksum, 0, 0});
    end = start + unit.stored_size;
    stored += unit.stored_size;
  }
  if (end != units_end) corrupt("there are bytes that belong to no unit");
  overhead_.framing = bytes_.size() - stored - overhead_.index;
}

void QcReader::place_slots() {
  std::vector<std::string> paths;
  for (const ManifestFile& file : manifest_.files) paths.push_back(file.path);
  if (const auto refused = find_refused_path(paths)) {
    corrupt(fmt::format("it holds a file with the path {:?}", paths[*refused]));
  }
  ByteView literals = ByteView(index_).first(overhead_.literal_raw);
  std::vector<std::uint64_t> filled(units_.size(), 0);
  std::size_t next = 0;
  for (std::size_t file = 0; file < manifest_.files.size(); ++file) {
    const ManifestFile& entry = manifest_.files[file];
    if (entry.slots > manifest_.slots.size() - next) corrupt("the slots of a file are missing");
    std::uint64_t at = 0;
    std::uint64_t literal_size = entry.size;
    for (std::uint64_t i = 0; i < entry.slots; ++i, ++next) {
      const ManifestSlot& in = manifest_.slots[next];
      if (in.literal_before > entry.size - at || in.size > entry.size - at - in.literal_before ||
          in.size == 0) {
        corrupt("a slot runs past the end of its file");
      }
      QcSlot slot;
      slot.file = file;
      slot.offset = at + in.literal_before;
      slot.size = in.size;
      slot.repeat_of = in.repeat_of;
      at = slot.offset + slot.size;
      literal_size -= slot.size;
      if (slot.repeat_of) {
        if (*slot.repeat_of >= next || slots_[*slot.repeat_of].repeat_of ||
            slots_[*slot.repeat_of].size != slot.size) {
          corrupt("a slot repeats one that it cannot");
        }
        slot.transposed = in.transposed;
        if (slot.transposed && (!slot.transposed->fits(slot.size) || slot.size > kQcMaxUnit)) {
          corrupt("a slot transposes one that it cannot");
        }
      } else {
        slot.unit = in.unit;
        std::uint64_t left = slot.size;
        for (std::size_t unit = in.unit; left > 0; ++unit) {
          if (unit >= units_.size()) corrupt("a slot is in a unit that is not there");
          if (unit == in.unit) {
            slot.unit_offset = filled[unit];
          } else if (filled[unit] != 0) {
            corrupt("two slots share the bytes of a unit");
          }
          const std::uint64_t some = std::min(left, units_[unit].size - filled[unit]);
          if (some == 0) corrupt("two slots share the bytes of a unit");
          if (units_[unit].slot_count++ == 0) units_[unit].first_slot = next;
          filled[unit] += some;
          left -= some;
        }
      }
      slots_.push_back(slot);
    }
    if (literal_size > literals.size()) corrupt("literal bytes are missing");
    literals_.push_back(literals.first(literal_size));
    literals = literals.subspan(literal_size);
  }
  if (manifest_.files.empty() || next != manifest_.slots.size() || !literals.empty()) {
    corrupt("there are bytes that belong to no file");
  }
  for (std::size_t unit = 0; unit < units_.size(); ++unit) {
    if (filled[unit] != units_[unit].size) corrupt("a unit is not used up");
  }
}

ByteView QcReader::manifest_bytes() const noexcept {
  return ByteView(index_).last(overhead_.manifest_raw);
}

ByteView QcReader::literal(std::size_t file) const { return literals_[file]; }

GappedBytes QcReader::gapped(std::size_t file) const {
  std::vector<GappedBytes::Gap> gaps;
  for (const QcSlot& slot : slots_) {
    if (slot.file == file) gaps.push_back({slot.offset, slot.size});
  }
  return {literals_[file], std::move(gaps)};
}

void QcReader::decode_unit(std::size_t unit, MutableBytes out, DecodeContext& context,
                           StoreMode mode) const {
  const QcUnit& source = units_[unit];
  if (!checksum_matches(static_cast<std::uint32_t>(xxh3_64(source.stored)), source.checksum)) {
    corrupt(fmt::format("unit {} is damaged (checksum)", unit));
  }
  if (const DecodeFailure failure = decode_tensor(source.stored, out, context, mode)) {
    corrupt(fmt::format("unit {} is damaged: {}", unit, failure));
  }
}

std::vector<QcReader::UnitPart> QcReader::unit_parts(const QcSlot& slot) const {
  std::vector<UnitPart> parts;
  std::uint64_t begin = slot.unit_offset;
  std::uint64_t offset = 0;
  for (std::size_t unit = slot.unit; offset < slot.size; ++unit) {
    const std::uint64_t some = std::min(slot.size - offset, units_[unit].size - begin);
    parts.push_back({unit, begin, some, offset});
    offset += some;
    begin = 0;
  }
  return parts;
}

void QcReader::decode_part(const UnitPart& part, MutableBytes out, DecodeContext& context) const {
  const MutableBytes target = out.subspan(part.offset, part.size);
  if (part.size == units_[part.unit].size) {
    return decode_unit(part.unit, target, context, StoreMode::kStreaming);
  }
  Bytes whole(units_[part.unit].size);
  decode_unit(part.unit, whole, context);
  std::copy_n(whole.begin() + static_cast<std::ptrdiff_t>(part.begin), part.size, target.begin());
}

void QcReader::load_slot(std::size_t slot_index, MutableBytes out, unsigned threads) const {
  const QcSlot& slot = slots_[slots_[slot_index].repeat_of.value_or(slot_index)];
  const auto& transposed = slots_[slot_index].transposed;
  Bytes before_turn(transposed ? memory_size(slot.size) : 0);
  const MutableBytes target = transposed ? MutableBytes(before_turn) : out;
  const std::vector<UnitPart> parts = unit_parts(slot);
  ContextPool contexts;
  parallel_for(parts.size(), thread_count(threads), [&](std::size_t i) {
    auto context = contexts.take();
    decode_part(parts[i], target, *context);
    contexts.give(std::move(context));
  });
  if (transposed) transpose(before_turn, *transposed, out);
}

Bytes QcReader::decode_slot(std::size_t slot_index, DecodeContext& context) const {
  const QcSlot& slot = slots_[slots_[slot_index].repeat_of.value_or(slot_index)];
  Bytes out(memory_size(slot.size));
  for (const UnitPart& part : unit_parts(slot)) decode_part(part, out, context);
  if (const auto& transposed = slots_[slot_index].transposed) {
    Bytes turned(out.size());
    transpose(out, *transposed, turned);
    return turned;
  }
  return out;
}

void QcReader::decode_files(const std::vector<ByteSink*>& sinks, unsigned threads,
                            const ProgressFunction& progress) const {
  ContextPool contexts;
  // Units that several slots share are small and decoded once.
  std::map<std::size_t, Bytes> shared;
  for (std::size_t unit = 0; unit < units_.size(); ++unit) {
    if (units_[unit].slot_count < 2) continue;
    auto context = contexts.take();
    Bytes& bytes = shared[unit];
    bytes.resize(units_[unit].size);
    decode_unit(unit, bytes, *context);
    contexts.give(std::move(context));
  }

  std::vector<Piece> pieces;
  std::size_t next = 0;
  for (std::size_t file = 0; file < manifest_.files.size(); ++file) {
    ByteView literal = literals_[file];
    std::uint64_t at = 0;
    const auto add_literal = [&](std::uint64_t size) {
      pieces.push_back({file, literal.first(size), std::nullopt, 0, size, {}});
      literal = literal.subspan(size);
    };
    for (; next < slots_.size() && slots_[next].file == file; ++next) {
      const QcSlot& slot = slots_[next];
      add_literal(slot.offset - at);
      at = slot.offset + slot.size;
      if (slot.transposed) {
        pieces.push_back({file, {}, std::nullopt, 0, slot.size, next});
        continue;
      }
      for (const UnitPart& part : unit_parts(slots_[slot.repeat_of.value_or(next)])) {
        pieces.push_back({file, {}, part.unit, part.begin, part.size, {}});
      }
    }
    add_literal(literal.size());
  }

  std::uint64_t total = 0;
  std::uint64_t largest = 0;  // unit
  for (const Piece& piece : pieces) {
    total += piece.size;
    if (piece.unit) largest = std::max(largest, units_[*piece.unit].size);
  }
  std::vector<Hasher> hashers(manifest_.files.size());
  PageBufferPool buffers;
  Releaser releaser(mapping_);
  std::vector<PageBuffer> decoded(pieces.size());
  std::vector<Bytes> turned(pieces.size());
  const unsigned workers = total < kMinParallel ? 1 : thread_count(threads);
  ordered_pipeline(
      pieces.size(), workers, 2 * std::size_t{workers},
      [&](std::size_t i) {
        const Piece& piece = pieces[i];
        const bool has_unit = piece.unit && !shared.contains(*piece.unit);
        if (!has_unit && !piece.transposed) return;
        auto context = contexts.take();
        if (has_unit) {
          decoded[i] = buffers.take(largest);
          decode_unit(*piece.unit, decoded[i].bytes().first(units_[*piece.unit].size), *context);
        } else {
          turned[i] = decode_slot(*piece.transposed, *context);
        }
        contexts.give(std::move(context));
      },
      [&](std::size_t i) {
        const Piece& piece = pieces[i];
        PageBuffer own = std::exchange(decoded[i], {});
        const Bytes slot = piece.transposed ? std::move(turned[i]) : Bytes();
        ByteView bytes = piece.transposed ? ByteView(slot) : piece.literal;
        if (piece.unit) {
          const auto found = shared.find(*piece.unit);
          bytes = (found != shared.end() ? ByteView(found->second) : ByteView(own.bytes()))
                      .subspan(piece.begin, piece.size);
        }
        hashers[piece.file].update(bytes);
        if (sinks[piece.file] != nullptr) sinks[piece.file]->write(bytes);
        if (progress) progress(bytes.size());
        if (piece.unit) releaser.add(units_[*piece.unit].stored);
        buffers.give(std::move(own));
      });
  for (std::size_t file = 0; file < manifest_.files.size(); ++file) {
    if (!checksum_matches(hashers[file].digest(), manifest_.files[file].digest)) {
      corrupt(fmt::format("{} does not have the checksum it was packed with",
                          manifest_.files[file].path));
    }
  }
}

std::vector<std::pair<std::filesystem::path, Bytes>> QcReader::decode_to_memory(
    unsigned threads) const {
  std::vector<MemorySink> memory(manifest_.files.size());
  std::vector<ByteSink*> sinks;
  sinks.reserve(memory.size());
  for (MemorySink& sink : memory) sinks.push_back(&sink);
  decode_files(sinks, threads, {});
  std::vector<std::pair<std::filesystem::path, Bytes>> files;
  for (std::size_t i = 0; i < memory.size(); ++i) {
    files.emplace_back(manifest_.files[i].path, memory[i].take());
  }
  return files;
}

void QcReader::unpack(const std::filesystem::path& path, Overwrite overwrite, unsigned threads,
                      const ProgressFunction& progress, Sync sync) const {
  std::vector<std::unique_ptr<AtomicFile>> outputs(manifest_.files.size());
  std::vector<ByteSink*> sinks(manifest_.files.size(), nullptr);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const ManifestFile& file = manifest_.files[i];
    const std::filesystem::path target = i == 0 ? path : path.parent_path() / file.path;
    if (i > 0 && target.lexically_normal() == path.lexically_normal()) {
      throw Error(ErrorCode::kUsage,
                  fmt::format("{} is where the model's external data goes; name another output",
                              path.string()));
    }
    std::error_code error;
    if (i > 0 && std::filesystem::file_size(target, error) == file.size && !error) {
      const MappedFile there(target);
      const Digest digest = xxh3_128(there.bytes(), [&](ByteView piece) { there.release(piece); });
      if (digest == file.digest) continue;
    }
    if (i > 0) {
      if (overwrite == Overwrite::kRefuse && std::filesystem::exists(target, error)) {
        throw Error(ErrorCode::kFile,
                    fmt::format("{} exists already, with other content; unpack to another folder "
                                "with -o, or use -f to overwrite it",
                                target.string()));
      }
      std::filesystem::create_directories(target.parent_path(), error);
    }
    outputs[i] = std::make_unique<AtomicFile>(target, overwrite, sync);
    sinks[i] = outputs[i].get();
  }
  decode_files(sinks, threads, progress);
  for (const auto& output : outputs) {
    if (output) output->start_sync();
  }
  // The .onnx file last: it never refers to data that is not there yet.
  for (std::size_t i = outputs.size(); i-- > 0;) {
    if (outputs[i]) outputs[i]->commit();
  }
}

}  // namespace qc
