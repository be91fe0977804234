// The files of a container: decoded in order, piece by piece.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "core/error.h"
#include "core/memory_size.h"
#include "formats/qc/decode/checksum.h"
#include "formats/qc/read/context_pool.h"
#include "formats/qc/read/qc_reader.h"
#include "system/byte_size.h"
#include "system/page_buffer.h"
#include "system/parallel.h"

namespace qc {
namespace {

// Smaller models are decoded before another thread has started.
constexpr std::uint64_t kMinParallel = std::uint64_t{1} << 20;

// Bytes of the base that are copied at a time.
constexpr std::uint64_t kCopyPiece = std::uint64_t{1} << 22;

// Pieces that are laid out at a time: there can be millions.
constexpr std::size_t kBatch = std::size_t{1} << 12;

// Units that slots share and the work of all threads may take this part of the memory each.
constexpr std::uint64_t kPart = 2;
// A thread works on a unit that takes as much again beside its result, and two are in flight.
constexpr std::uint64_t kUnitsPerThread = 4;

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

// A piece of a file: literal bytes, a range of a decoded unit, a part of a slot that is made of the
// base, or a slot as a whole.
struct Piece {
  std::size_t file = 0;
  ByteView bytes;  // of a literal one at once, of others when they are decoded
  std::uint64_t size = 0;
  std::optional<std::size_t> unit = {};
  std::uint64_t begin = 0;  // in the unit
  std::optional<std::size_t> whole = {};
  std::optional<std::size_t> of_base = {};  // the slot
  std::uint64_t offset = 0;                 // in that slot

  bool is_literal() const { return !unit && !whole && !of_base; }
};

// Goes through the pieces of all files in order.
class PieceWalk {
 public:
  explicit PieceWalk(const QcReader& reader) : reader_(reader) {}

  // The next pieces, about kBatch of them; none at the end.
  std::vector<Piece> next() {
    std::vector<Piece> pieces;
    while (pieces.size() < kBatch && file_ < reader_.files().size()) {
      if (at_ == 0 && literal_.empty()) literal_ = reader_.files()[file_].literal;
      const std::span<const QcSlot> slots = reader_.slots();
      if (slot_ < slots.size() && slots[slot_].file == file_) {
        add_literal(slots[slot_].offset - at_, pieces);
        at_ = slots[slot_].offset + slots[slot_].size;
        add_slot(pieces);
        ++slot_;
      } else {
        add_literal(literal_.size(), pieces);
        at_ = 0;
        ++file_;
      }
    }
    return pieces;
  }

 private:
  void add_literal(std::uint64_t size, std::vector<Piece>& pieces) {
    pieces.push_back({.file = file_, .bytes = literal_.first(size), .size = size});
    literal_ = literal_.subspan(size);
  }

  void add_slot(std::vector<Piece>& pieces) const {
    const QcSlot& slot = reader_.slots()[slot_];
    if (slot.is_whole()) {
      pieces.push_back({.file = file_, .bytes = {}, .size = slot.size, .whole = slot_});
      return;
    }
    Piece piece{.file = file_, .bytes = {}};
    if (slot.base) piece.of_base = slot_;
    for (std::uint64_t done = 0; slot.is_base_copy() && done < slot.size; done += kCopyPiece) {
      piece.offset = done;
      piece.size = std::min(kCopyPiece, slot.size - done);
      pieces.push_back(piece);
    }
    const QcSlot& source = reader_.slots()[slot.repeat_of.value_or(slot_)];
    for (const UnitPart& part : reader_.unit_parts(source)) {
      piece.unit = part.unit;
      piece.begin = part.begin;
      piece.size = part.size;
      piece.offset = part.offset;
      pieces.push_back(piece);
    }
  }

  const QcReader& reader_;
  std::size_t file_ = 0;
  std::size_t slot_ = 0;
  std::uint64_t at_ = 0;  // in the file
  ByteView literal_;      // of the file, what is left
};

// How many units are worked on at a time, and what each may take.
struct Team {
  unsigned threads = 1;
  std::size_t in_flight = 1;
  std::uint64_t context_bytes = 0;
};

class FileDecoder {
 public:
  FileDecoder(const QcReader& reader, const MappedFile& mapping,
              const std::vector<ByteSink*>& sinks, unsigned threads,
              const ProgressFunction& progress)
      : reader_(reader),
        sinks_(sinks),
        progress_(progress),
        releaser_(mapping),
        shared_(reader, reader.limits().memory / kPart),
        largest_(largest_piece()),
        team_(team(threads)),
        contexts_(team_.context_bytes),
        hashers_(reader.files().size()) {}

  void run() {
    for (std::size_t slot = 0; slot < reader_.slots().size(); ++slot) shared_.expect(slot);
    PieceWalk walk(reader_);
    for (pieces_ = walk.next(); !pieces_.empty(); pieces_ = walk.next()) {
      decoded_.resize(pieces_.size());
      slots_.resize(pieces_.size());
      ordered_pipeline(
          pieces_.size(), team_.threads, team_.in_flight, [&](std::size_t i) { decode(i); },
          [&](std::size_t i) { hand_on(i); });
    }
    for (std::size_t file = 0; file < hashers_.size(); ++file) {
      const QcFile& expected = reader_.files()[file];
      if (!checksum_matches(hashers_[file].digest(), expected.digest)) {
        throw Error(ErrorCode::kCorrupt,
                    fmt::format("{} does not have the checksum it was packed with", expected.path));
      }
    }
  }

 private:
  bool is_shared(std::size_t unit) const { return reader_.units()[unit].is_shared(); }

  // What a piece takes once it is decoded, at most.
  std::uint64_t largest_piece() const {
    std::uint64_t largest = 0;
    for (const QcUnit& unit : reader_.units()) {
      if (!unit.is_shared()) largest = std::max(largest, unit.size);
    }
    for (const QcSlot& slot : reader_.slots()) {
      if (slot.is_whole()) largest = std::max(largest, 2 * slot.size);
      if (slot.is_base_copy()) largest = std::max(largest, std::min(kCopyPiece, slot.size));
      if (!slot.base) continue;
      for (const UnitPart& part : reader_.unit_parts(slot)) largest = std::max(largest, part.size);
    }
    return largest;
  }

  Team team(unsigned threads) const {
    const std::uint64_t memory = reader_.limits().memory / kPart;
    if (reader_.model_size() < kMinParallel) return {1, 1, memory};
    const std::uint64_t each = kUnitsPerThread * std::max<std::uint64_t>(largest_, 1);
    Team team;
    team.threads =
        static_cast<unsigned>(std::clamp<std::uint64_t>(memory / each, 1, thread_count(threads)));
    if (memory >= each) team.in_flight = 2 * std::size_t{team.threads};
    team.context_bytes = memory / team.threads;
    return team;
  }

  void decode(std::size_t i) {
    Piece& piece = pieces_[i];
    if (piece.is_literal()) return;
    auto context = contexts_.take();
    if (piece.whole) {
      slots_[i] = reader_.decode_slot(*piece.whole, *context, shared_);
      piece.bytes = slots_[i];
    } else if (piece.unit && is_shared(*piece.unit) && !piece.of_base) {
      piece.bytes = shared_.use(*piece.unit, *context).subspan(piece.begin, piece.size);
    } else {
      decoded_[i] = buffers_.take(largest_);
      const MutableBytes target = decoded_[i].bytes().first(piece.size);
      if (piece.unit && is_shared(*piece.unit)) {
        const ByteView unit = shared_.use(*piece.unit, *context);
        std::copy_n(unit.data() + piece.begin, piece.size, target.data());
      } else if (piece.unit) {
        reader_.decode_unit(*piece.unit, target, *context);
      }
      if (piece.of_base) reader_.restore(reader_.slots()[*piece.of_base], piece.offset, target);
      piece.bytes = target;
    }
    contexts_.give(std::move(context));
  }

  void hand_on(std::size_t i) {
    const Piece& piece = pieces_[i];
    PageBuffer own = std::exchange(decoded_[i], {});
    const Bytes slot = std::exchange(slots_[i], {});
    hashers_[piece.file].update(piece.bytes);
    if (sinks_[piece.file] != nullptr) sinks_[piece.file]->write(piece.bytes);
    if (progress_) progress_(piece.bytes.size());
    if (piece.unit) {
      releaser_.add(reader_.units()[*piece.unit].stored);
      if (is_shared(*piece.unit)) shared_.done(*piece.unit);
    }
    buffers_.give(std::move(own));
  }

  const QcReader& reader_;
  const std::vector<ByteSink*>& sinks_;
  const ProgressFunction& progress_;
  Releaser releaser_;
  SharedUnits shared_;
  std::uint64_t largest_;
  Team team_;
  ContextPool contexts_;
  PageBufferPool buffers_;
  std::vector<Hasher> hashers_;
  // A batch of pieces, and what became of each.
  std::vector<Piece> pieces_;
  std::vector<PageBuffer> decoded_;
  std::vector<Bytes> slots_;
};

}  // namespace

void QcReader::decode_files(const std::vector<ByteSink*>& sinks, unsigned threads,
                            const ProgressFunction& progress) const {
  require_model_size();
  FileDecoder(*this, mapping_, sinks, threads, progress).run();
}

std::vector<std::pair<std::filesystem::path, Bytes>> QcReader::decode_to_memory(
    unsigned threads) const {
  require_model_size();
  if (const std::uint64_t size = model_size(); size > limits_.memory) {
    throw Error(
        ErrorCode::kLimit,
        fmt::format("it holds {}, which are needed in memory; allow more with --max-memory, "
                    "or unpack it first",
                    byte_size_text(size)));
  }
  std::vector<MemorySink> memory(files().size());
  std::vector<ByteSink*> sinks;
  sinks.reserve(memory.size());
  for (std::size_t file = 0; file < memory.size(); ++file) {
    memory[file].reserve(memory_size(files()[file].size));
    sinks.push_back(&memory[file]);
  }
  decode_files(sinks, threads, {});
  std::vector<std::pair<std::filesystem::path, Bytes>> decoded;
  for (std::size_t i = 0; i < memory.size(); ++i) {
    decoded.emplace_back(files()[i].path, memory[i].take());
  }
  return decoded;
}

}  // namespace qc
