#include "formats/packed/update_source.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "formats/packed/pack_model.h"
#include "formats/qc/decode/qc_layout.h"
#include "formats/qc/write/source_digests.h"
#include "formats/qc/write/unit_coder.h"
#include "system/parallel.h"

namespace qc {
namespace {

// Where a slot of the model is in the base, too.
struct Counterpart {
  std::uint64_t offset = 0;
  ByteView bytes;
};

std::vector<std::optional<Counterpart>> find_counterparts(const OnnxModel& model,
                                                          const OnnxModel& base,
                                                          std::span<const Slot> slots) {
  std::map<std::string_view, const TensorInfo*> by_name;
  for (const TensorInfo& tensor : base.tensors()) {
    if (tensor.storage != Storage::kNone) by_name.emplace(tensor.name, &tensor);
  }
  std::map<std::pair<std::size_t, std::uint64_t>, const TensorInfo*> by_place;
  for (const TensorInfo& tensor : model.tensors()) {
    if (tensor.storage == Storage::kNone) continue;
    const auto same = by_name.find(tensor.name);
    if (same != by_name.end())
      by_place.emplace(std::pair(tensor.file, tensor.offset), same->second);
  }
  std::vector<std::optional<Counterpart>> found(slots.size());
  for (std::size_t i = 0; i < slots.size(); ++i) {
    const auto there = by_place.find(std::pair(slots[i].file, slots[i].offset));
    if (there == by_place.end()) continue;
    const TensorInfo& tensor = *there->second;
    if (tensor.file != slots[i].file || tensor.size != slots[i].view.data.size()) continue;
    found[i] = Counterpart{tensor.offset, base.payload(tensor)};
  }
  return found;
}

using Values = std::vector<std::uint64_t>;

// The distinct elements, sorted; nothing where there are too many.
std::optional<Values> distinct_values(ByteView bytes, unsigned width) {
  Values values(kMaxBaseValues);
  const std::size_t count = find_distinct(bytes, width, values);
  if (count > kMaxBaseValues) return std::nullopt;
  values.resize(count);
  return values;
}

std::size_t rank_of(const Values& values, std::uint64_t value) {
  return static_cast<std::size_t>(std::ranges::lower_bound(values, value) - values.begin());
}

// One way to store a slot.
struct Candidate {
  SlotBase base;
  Bytes stored;
  Element element;
};

// For each distinct value of the base, in their order, the value that most of its elements have
// now.
Values images(const Values& before, ByteView bytes, ByteView base, unsigned width) {
  std::vector<std::map<std::uint64_t, std::uint64_t>> counts(before.size());
  for (std::size_t at = 0; at < bytes.size(); at += width) {
    ++counts[rank_of(before, load_pattern(base.data() + at, width))]
            [load_pattern(bytes.data() + at, width)];
  }
  Values found;
  for (const auto& count : counts) {
    const auto most =
        std::ranges::max_element(count, {}, [](const auto& entry) { return entry.second; });
    found.push_back(most->first);
  }
  return found;
}

// A value that moved takes its elements along, wherever it is in the order then: the codebook
// begins with what became of each value of the base.
std::optional<Candidate> by_ranks(BaseMethod method, ByteView bytes, ByteView base) {
  const unsigned width = rank_width(method);
  const auto before = distinct_values(base, width);
  const auto now = distinct_values(bytes, width);
  if (!before || !now) return std::nullopt;
  Values codebook = images(*before, bytes, base, width);
  std::map<std::uint64_t, std::size_t> entries;
  for (std::size_t i = 0; i < codebook.size(); ++i) entries.emplace(codebook[i], i);
  for (const std::uint64_t value : *now) {
    if (entries.emplace(value, codebook.size()).second) codebook.push_back(value);
  }
  if (codebook.size() > kMaxBaseValues) return std::nullopt;
  Candidate made;
  made.base.method = method;
  made.base.codebook.resize(codebook.size() * width);
  made.stored.resize(bytes.size());
  made.element = {static_cast<std::uint8_t>(width), false};
  for (std::size_t i = 0; i < codebook.size(); ++i) {
    store_pattern(made.base.codebook.data() + i * width, width, codebook[i]);
  }
  for (std::size_t at = 0; at < bytes.size(); at += width) {
    const std::size_t rank = rank_of(*before, load_pattern(base.data() + at, width));
    const std::uint64_t value = load_pattern(bytes.data() + at, width);
    if (codebook[rank] == value) continue;
    const std::size_t moved = codebook.size() + entries.at(value) - rank;
    store_pattern(made.stored.data() + at, width, moved % codebook.size());
  }
  return made;
}

std::vector<Candidate> candidates(const TensorView& view, ByteView base) {
  std::vector<Candidate> made;
  Bytes difference(view.data.begin(), view.data.end());
  restore_xor(base, difference);
  for (const bool is_float : {true, false}) {
    if (is_float && !view.element.is_float) continue;
    made.push_back({{BaseMethod::kXor, 0, {}}, difference, {view.element.width, is_float}});
  }
  std::optional<Candidate> ranks;
  if (view.data.size() > kQcMaxUnit) return made;
  if (view.element.width == 2) ranks = by_ranks(BaseMethod::kRanks16, view.data, base);
  if (view.element.width == 4) ranks = by_ranks(BaseMethod::kRanks32, view.data, base);
  if (ranks) made.push_back(std::move(*ranks));
  return made;
}

// Bytes that a tensor takes in its units.
std::uint64_t stored_size(const TensorView& view, const PackOptions& options,
                          const UnitCoder& coder) {
  const std::uint64_t chunk = chunk_size(options, view.element);
  std::uint64_t size = 0;
  for (std::size_t i = 0; i < chunk_count(view, chunk); ++i) {
    size += coder.code(chunk_of(view, chunk, i)).facts.entry.stored_size;
  }
  return size;
}

// The smallest candidate; nothing where the tensor is best stored as itself.
std::optional<Candidate> choose(const Slot& slot, ByteView base, const PackOptions& options,
                                const UnitCoder& coder) {
  std::uint64_t least = stored_size(slot.view, options, coder);
  std::optional<Candidate> best;
  for (Candidate& candidate : candidates(slot.view, base)) {
    TensorView view = slot.view;
    view.data = candidate.stored;
    view.element = candidate.element;
    const std::uint64_t size = stored_size(view, options, coder) + candidate.base.codebook.size();
    if (size >= least) continue;
    least = size;
    best = std::move(candidate);
  }
  return best;
}

}  // namespace

UpdateSource::UpdateSource(const OnnxModel& model, const OnnxModel& base,
                           const PackOptions& options)
    : source_(pack_source(model)) {
  const PackSource of_base = pack_source(base);
  const std::vector<Digest> digests = digest_files(of_base, thread_count(options.threads));
  for (std::size_t i = 0; i < digests.size(); ++i) {
    const SourceFile& file = of_base.files[i];
    source_.base.push_back({file.path, file.bytes.size(), digests[i], 0});
  }
  const auto counterparts = find_counterparts(model, base, source_.slots);
  const UnitCoder coder(options.encode);
  std::vector<std::optional<Candidate>> chosen(source_.slots.size());
  parallel_for(chosen.size(), thread_count(options.threads), [&](std::size_t i) {
    const Slot& slot = source_.slots[i];
    if (!counterparts[i]) return;
    if (std::ranges::equal(slot.view.data, counterparts[i]->bytes)) {
      chosen[i] = Candidate{{BaseMethod::kCopy, 0, {}}, {}, {}};
    } else {
      chosen[i] = choose(slot, counterparts[i]->bytes, options, coder);
    }
  });
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    if (!chosen[i]) continue;
    Slot& slot = source_.slots[i];
    slot.base = std::move(chosen[i]->base);
    slot.base->shift =
        static_cast<std::int64_t>(counterparts[i]->offset) - static_cast<std::int64_t>(slot.offset);
    if (slot.is_base_copy()) continue;
    stored_.push_back(std::move(chosen[i]->stored));
    slot.view.data = stored_.back();
    slot.view.element = chosen[i]->element;
  }
}

}  // namespace qc
