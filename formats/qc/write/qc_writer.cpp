#include "formats/qc/write/qc_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "codecs/encode/tensor_encoder.h"
#include "codecs/encode/zstd_compress.h"
#include "core/error.h"
#include "formats/qc/read/checksum.h"
#include "formats/qc/read/container_path.h"
#include "formats/qc/read/graph_dictionary.h"
#include "formats/qc/read/qc_layout.h"
#include "formats/qc/write/manifest_writer.h"
#include "formats/qc/write/shared_content.h"
#include "formats/qc/write/transposed_copies.h"
#include "system/parallel.h"

namespace qc {
namespace {

// Payloads up to this many bytes may be left in the graph or pooled, whichever is smaller.
constexpr std::uint64_t kSmallSlot = std::uint64_t{1} << 15;
// Smaller transposed copies cost as much to describe as to store.
constexpr std::uint64_t kMinTransposed = 256;
constexpr std::uint64_t kLiteralThresholds[] = {kMinSlot, 128, 1024};
// A model up to this size may be stored as a whole, when that is smaller.
constexpr std::uint64_t kWholeModelLimit = std::uint64_t{1} << 26;
// A model up to this size is tried as a whole at once; a larger one where tensors share bytes.
constexpr std::uint64_t kSmallModel = std::uint64_t{1} << 16;
// The part of a model's bytes that tensors must share for that.
constexpr std::uint64_t kSharedPart = 16;
// Up to so many bytes, an index is compressed with the dictionary; it costs zstd its first look at
// the statistics, and helps small graphs only.
constexpr std::uint64_t kLargeIndex = std::uint64_t{1} << 18;
// No level is the best for every graph, by a few bytes.
constexpr int kIndexLevel = 19;
constexpr int kIndexLevels[] = {17, 19, 22};
constexpr std::uint64_t kRepetitive = 32;
// Where packing should not take long, and to compare candidates.
constexpr int kFastIndexLevel = 9;
// Bytes that are compared at a time.
constexpr std::size_t kPiece = std::size_t{1} << 22;
// What a unit costs beside its bytes: checksum and sizes in the manifest.
constexpr std::size_t kUnitCost = 8;

// A unit that is coded but not yet written.
struct CodedUnit {
  Bytes coded;
  std::uint64_t size = 0;          // decoded
  std::vector<std::size_t> slots;  // that it fills, by index; a chunk has one
  std::size_t chunk = 0;
};

class Packer {
 public:
  Packer(const PackSource& source, const PackOptions& options, ByteSink& out)
      : source_(source), options_(options), out_(out), slots_(source.slots) {}

  void run() {
    digests_ = file_digests();
    write_all();
    // Units may be of what the files held earlier than the manifest says.
    if (source_.may_change && file_digests() != digests_) {
      throw Error(
          ErrorCode::kFile,
          "the model was changed while it was packed; nothing was written: try again when it "
          "is complete");
    }
  }

 private:
  void write_all() {
    out_.write(qc_header());
    end_ = kQcHeaderSize;
    find_repeats();
    write_large_slots();
    std::vector<CodedUnit> small = encode_small_slots();
    pool(small);

    Index best = choose_index(small);
    if (const std::optional<Index> whole = try_whole_model(best.total)) {
      out_.restart();
      out_.write(qc_header());
      write_index(*whole);
      return;
    }
    for (const std::size_t unit : best.small_units) write_unit(small[unit].coded);
    write_index(best);
  }

  // A complete choice of what follows the large units.
  struct Index {
    std::uint64_t total = 0;  // of the file, bytes
    std::uint64_t units_end = 0;
    Bytes raw;                             // uncompressed: the literal bytes, then the manifest
    std::vector<std::size_t> small_units;  // written before it
    QcFooter footer;
    Bytes stored;
  };

  // Bytes of the model are read in pieces and released, so that a large one does not fill memory.
  Digest digest_of(ByteView bytes) const { return xxh3_128(bytes, source_.release); }

  std::uint64_t order_free_hash_of(const TensorView& view) const {
    std::uint64_t sum = 0;
    TensorView piece = view;
    for (std::size_t at = 0; at < view.data.size(); at += kPiece) {
      piece.data = view.data.subspan(at, std::min(kPiece, view.data.size() - at));
      sum += order_free_hash(piece);
      source_.release(piece.data);
    }
    return sum;
  }

  bool are_equal(ByteView a, ByteView b) const {
    if (a.size() != b.size()) return false;
    for (std::size_t at = 0; at < a.size(); at += kPiece) {
      const std::size_t some = std::min(kPiece, a.size() - at);
      const ByteView of_a = a.subspan(at, some);
      const ByteView of_b = b.subspan(at, some);
      if (!std::equal(of_a.begin(), of_a.end(), of_b.begin())) return false;
      source_.release(of_a);
      source_.release(of_b);
    }
    return true;
  }

  // The first slot with the same elements, for each slot that has one. Only slots of the same size
  // need be looked at.
  void find_repeats() {
    std::map<std::size_t, std::size_t> of_size;
    for (const Slot& slot : slots_) ++of_size[slot.view.data.size()];
    std::map<Digest, std::size_t> first;
    repeat_of_.assign(slots_.size(), std::nullopt);
    transposed_.assign(slots_.size(), std::nullopt);
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      const ByteView data = slots_[i].view.data;
      if (of_size[data.size()] < 2) continue;
      const auto [entry, inserted] = first.emplace(digest_of(data), i);
      if (inserted) continue;
      const ByteView other = slots_[entry->second].view.data;
      if (are_equal(data, other)) repeat_of_[i] = entry->second;
    }
    find_transposed_repeats(of_size);
  }

  void find_transposed_repeats(const std::map<std::size_t, std::size_t>& of_size) {
    std::map<std::pair<std::size_t, std::uint64_t>, std::size_t> first;  // by size and hash
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      const TensorView& view = slots_[i].view;
      const bool small = view.data.size() < kMinTransposed || view.data.size() > kQcMaxUnit;
      if (repeat_of_[i] || small || slots_[i].dims.size() < 2) continue;
      if (of_size.at(view.data.size()) < 2) continue;
      const auto [entry, inserted] =
          first.emplace(std::pair(view.data.size(), order_free_hash_of(view)), i);
      if (inserted) continue;
      const TensorView& other = slots_[entry->second].view;
      if (other.element != view.element) continue;
      transposed_[i] = find_transposition(other, view, slots_[i].dims);
      if (transposed_[i]) repeat_of_[i] = entry->second;
    }
    // A repeat of such a slot comes from the same source: nothing repeats a repeat.
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      if (!repeat_of_[i] || !transposed_[*repeat_of_[i]]) continue;
      transposed_[i] = transposed_[*repeat_of_[i]];
      repeat_of_[i] = repeat_of_[*repeat_of_[i]];
    }
  }

  bool is_small(std::size_t slot) const { return slots_[slot].view.data.size() <= kSmallSlot; }

  std::vector<std::size_t> distinct_slots(bool small) const {
    std::vector<std::size_t> found;
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      if (!repeat_of_[i] && is_small(i) == small) found.push_back(i);
    }
    return found;
  }

  CodedUnit encode_chunk(std::size_t slot, std::size_t chunk) const {
    const TensorView& whole = slots_[slot].view;
    const std::uint64_t step = chunk_size(whole.element);
    const std::uint64_t begin = chunk * step;
    TensorView part = whole;
    part.data = whole.data.subspan(begin, std::min<std::uint64_t>(step, whole.data.size() - begin));
    part.channels.first += begin / whole.element.width;
    part.grid.first += begin / whole.element.width;
    CodedUnit unit{encode_tensor(part, options_.encode), part.data.size(), {slot}, chunk};
    source_.release(part.data);
    return unit;
  }

  std::uint64_t chunk_size(Element element) const {
    const std::uint64_t size = std::min(options_.chunk_bytes, kQcMaxUnit);
    return std::max<std::uint64_t>(size / element.width, 1) * element.width;
  }

  void write_large_slots() {
    std::vector<std::pair<std::size_t, std::size_t>> jobs;  // slot, chunk
    for (const std::size_t slot : distinct_slots(false)) {
      const std::uint64_t step = chunk_size(slots_[slot].view.element);
      const std::uint64_t chunks = (slots_[slot].view.data.size() + step - 1) / step;
      for (std::size_t chunk = 0; chunk < chunks; ++chunk) jobs.emplace_back(slot, chunk);
    }
    const unsigned threads = thread_count(options_.threads);
    std::vector<CodedUnit> coded(jobs.size());
    ordered_pipeline(
        jobs.size(), threads, 2 * std::size_t{threads},
        [&](std::size_t i) { coded[i] = encode_chunk(jobs[i].first, jobs[i].second); },
        [&](std::size_t i) {
          const CodedUnit unit = std::exchange(coded[i], {});
          write_unit(unit.coded);
          large_.add(unit);
          if (options_.progress) options_.progress(unit.size);
        });
  }

  std::vector<CodedUnit> encode_small_slots() {
    const std::vector<std::size_t> jobs = distinct_slots(true);
    std::vector<CodedUnit> coded(jobs.size());
    parallel_for(jobs.size(), thread_count(options_.threads), [&](std::size_t i) {
      const TensorView& view = slots_[jobs[i]].view;
      coded[i] = {encode_tensor(view, options_.encode), view.data.size(), {jobs[i]}, 0};
    });
    for (const CodedUnit& unit : coded) {
      if (options_.progress) options_.progress(unit.size);
    }
    return coded;
  }

  // Small tensors without structure of their own are coded together, where that is smaller: one
  // code table serves all.
  void pool(std::vector<CodedUnit>& units) const {
    for (const Element element : {Element{4, true}, Element{2, true}, Element{8, true},
                                  Element{8, false}, Element{4, false}, Element{1, false}}) {
      CodedUnit pooled;
      Bytes elements;
      std::size_t apart = 0;
      std::vector<bool> member(units.size());
      for (std::size_t i = 0; i < units.size(); ++i) {
        const TensorView& view = slots_[units[i].slots.front()].view;
        if (view.element != element || units[i].slots.size() > 1) continue;
        const auto layout = static_cast<LayoutId>(units[i].coded.front());
        if (layout != LayoutId::kRaw && layout != LayoutId::kPlanes &&
            layout != LayoutId::kContextFloats) {
          continue;
        }
        if (elements.size() + view.data.size() > chunk_size(element)) continue;
        append(elements, view.data);
        pooled.slots.push_back(units[i].slots.front());
        apart += units[i].coded.size() + kUnitCost;
        member[i] = true;
      }
      if (pooled.slots.size() < 2) continue;
      pooled.coded = encode_tensor({elements, element, {}}, options_.encode);
      pooled.size = elements.size();
      if (pooled.coded.size() + kUnitCost >= apart) continue;
      std::vector<CodedUnit> kept;
      for (std::size_t i = 0; i < units.size(); ++i) {
        if (!member[i]) kept.push_back(std::move(units[i]));
      }
      kept.push_back(std::move(pooled));
      units = std::move(kept);
    }
  }

  // The index with every small unit of a slot below the threshold left in the graph.
  Index make_index(const std::vector<CodedUnit>& small, std::uint64_t threshold) const {
    Index index;
    UnitList units = large_;
    std::vector<bool> cut(slots_.size(), false);
    for (std::size_t i = 0; i < slots_.size(); ++i) cut[i] = !is_small(i);
    std::uint64_t end = end_;
    for (std::size_t i = 0; i < small.size(); ++i) {
      if (small[i].slots.size() == 1 && small[i].size < threshold) continue;
      units.add(small[i]);
      index.small_units.push_back(i);
      end = unit_start(end, small[i].coded.size()) + small[i].coded.size();
      for (const std::size_t slot : small[i].slots) cut[slot] = true;
    }
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      if (repeat_of_[i]) cut[i] = cut[*repeat_of_[i]];
    }
    finish_index(units, cut, end, index);
    return index;
  }

  // The smallest index: with the tensors below some size left in the graph.
  Index choose_index(const std::vector<CodedUnit>& small) const {
    std::optional<Index> best;
    for (const std::uint64_t threshold : kLiteralThresholds) {
      Index index = make_index(small, threshold);
      if (best && index.raw == best->raw) continue;
      compress(index, kFastIndexLevel, true);
      if (!best || index.total < best->total) best = std::move(index);
    }
    squeeze(*best);
    return std::move(*best);
  }

  // Everything in the index, where that could be smaller: matches across tensors are all that it
  // can win in a large model.
  std::optional<Index> try_whole_model(std::uint64_t other_total) const {
    const std::uint64_t size = source_.total_size();
    if (size > kWholeModelLimit) return std::nullopt;
    if (size > kSmallModel && kSharedPart * shared_between_slots() < size) return std::nullopt;
    Index index;
    finish_index({}, std::vector<bool>(slots_.size(), false), kQcHeaderSize, index);
    // A fast level tells a hopeless case: the slow one gains a few per cent of a graph, and next to
    // nothing where weights are most of the bytes.
    compress(index, kFastIndexLevel, true);
    const std::uint64_t gain = size > kSmallModel ? 64 : 16;
    if (index.total > other_total + other_total / gain) return std::nullopt;
    squeeze(index);
    if (index.total >= other_total) return std::nullopt;
    return index;
  }

  std::uint64_t shared_between_slots() const {
    std::vector<ByteView> payloads;
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      if (!repeat_of_[i]) payloads.push_back(slots_[i].view.data);
    }
    return shared_bytes(payloads);
  }

  struct UnitList {
    std::vector<ManifestUnit> units;
    std::map<std::size_t, std::size_t> first_unit_of_slot;

    void add(const CodedUnit& unit) {
      for (const std::size_t slot : unit.slots) first_unit_of_slot.emplace(slot, units.size());
      units.push_back(
          {unit.size, unit.coded.size(), static_cast<std::uint32_t>(xxh3_64(unit.coded))});
    }
  };

  void finish_index(const UnitList& units, const std::vector<bool>& cut, std::uint64_t end,
                    Index& index) const {
    Manifest manifest;
    manifest.writer = kWriter;
    manifest.metadata = options_.metadata;
    manifest.units = units.units;
    Bytes literals;
    std::map<std::size_t, std::size_t> place;  // slot to its place among the cut ones
    std::size_t next = 0;
    for (std::size_t file = 0; file < source_.files.size(); ++file) {
      const SourceFile& source = source_.files[file];
      ManifestFile entry{source.path, source.bytes.size(), digests_[file], 0};
      std::uint64_t done = 0;
      for (; next < slots_.size() && slots_[next].file == file; ++next) {
        if (!cut[next]) continue;
        const Slot& slot = slots_[next];
        source.bytes.append_range(done, slot.offset - done, literals);
        ManifestSlot cut_slot;
        cut_slot.literal_before = slot.offset - done;
        cut_slot.size = slot.view.data.size();
        if (repeat_of_[next]) {
          cut_slot.repeat_of = place.at(*repeat_of_[next]);
          cut_slot.transposed = transposed_[next];
        } else {
          cut_slot.unit = units.first_unit_of_slot.at(next);
        }
        place.emplace(next, manifest.slots.size());
        manifest.slots.push_back(cut_slot);
        ++entry.slots;
        done = slot.offset + slot.view.data.size();
      }
      source.bytes.append_range(done, source.bytes.size() - done, literals);
      manifest.files.push_back(std::move(entry));
    }
    const Bytes manifest_bytes = serialize_manifest(manifest);
    index.footer.manifest_size = static_cast<std::uint32_t>(manifest_bytes.size());
    index.raw = std::move(literals);
    append(index.raw, manifest_bytes);
    const Bytes& raw = index.raw;
    if (raw.size() > kQcMaxIndex) {
      throw Error(
          ErrorCode::kLimit,
          "the model without its tensors is larger than 4 GiB; nothing to gain by packing it");
    }
    index.footer.index_size = static_cast<std::uint32_t>(raw.size());
    index.units_end = end;
  }

  // Keeps what there is when it is smaller. The dictionary is not for large ones.
  static void compress(Index& index, int level, bool with_dictionary) {
    with_dictionary = with_dictionary && index.raw.size() <= kLargeIndex;
    Bytes stored =
        zstd_compress(index.raw, level, with_dictionary ? graph_dictionary() : ByteView());
    if (!index.stored.empty() && index.stored.size() <= stored.size()) return;
    index.stored = std::move(stored);
    index.footer.dictionary = with_dictionary ? 1 : 0;
    index.footer.index_stored_size = static_cast<std::uint32_t>(index.stored.size());
    index.footer.index_checksum = xxh3_64(index.stored);
    index.total = index.units_end + index.stored.size() + kQcFooterSize;
  }

  bool packs_fast() const {
    const StageChoice& stages = options_.encode.stages;
    return stages.byte_ps != 0 && stages.byte_ps <= StageChoice::kFast.byte_ps;
  }

  void squeeze(Index& index) const {
    // What shrinks that much shrinks at any level.
    const bool repetitive =
        index.raw.size() > kLargeIndex && index.raw.size() / kRepetitive > index.stored.size();
    const bool thorough = options_.encode.slow_layouts;
    if (packs_fast() || (repetitive && !thorough)) return;
    compress(index, kIndexLevel, true);
    if (!thorough || index.raw.size() > kLargeIndex) return;
    for (const int level : kIndexLevels) {
      for (const bool with_dictionary : {false, true}) compress(index, level, with_dictionary);
    }
  }

  std::vector<Digest> file_digests() const {
    std::vector<Digest> digests;
    for (const SourceFile& file : source_.files) {
      Hasher hasher;
      file.bytes.each(0, file.bytes.size(),
                      [&](ByteView piece) { hasher.update(piece, source_.release); });
      digests.push_back(hasher.digest());
    }
    return digests;
  }

  void write_unit(const Bytes& coded) {
    const std::uint64_t start = unit_start(end_, coded.size());
    out_.write(Bytes(start - end_));
    out_.write(coded);
    end_ = start + coded.size();
  }

  void write_index(const Index& index) {
    out_.write(index.stored);
    out_.write(footer_bytes(index.footer));
  }

  const PackSource& source_;
  const PackOptions& options_;
  ByteSink& out_;
  const std::vector<Slot>& slots_;
  std::vector<std::optional<std::size_t>> repeat_of_;
  std::vector<std::optional<Transposition>> transposed_;
  UnitList large_;
  std::uint64_t end_ = 0;        // of what is written
  std::vector<Digest> digests_;  // of the files, before anything else is read
};

}  // namespace

void write_container(const PackSource& source, const PackOptions& options, ByteSink& out) {
  std::vector<std::string> paths;
  for (const SourceFile& file : source.files) paths.push_back(file.path);
  if (const auto refused = find_refused_path(paths)) {
    throw Error(ErrorCode::kUnsupported,
                fmt::format("a container cannot hold a file with the path {:?}: rename it, and in "
                            "the model what refers to it",
                            paths[*refused]));
  }
  Packer(source, options, out).run();
}

}  // namespace qc
