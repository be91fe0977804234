#include "changed_model.h"

#include <algorithm>
#include <array>
#include <iterator>

#include "core/tensor.h"
#include "formats/packed/pack_model.h"
#include "formats/qc/decode/transposition.h"
#include "test_tensors.h"

namespace qc::test {
namespace {

constexpr std::array kAllChanges = {Change::kPruned, Change::kFewValues,  Change::kRandom,
                                    Change::kCopy,   Change::kTransposed, Change::kOriginal};

}  // namespace

ChangedModel::ChangedModel(const OnnxModel& model, std::uint64_t seed)
    : original_(pack_source(model)), payloads_(original_.slots.size()), random_(seed) {
  original_.may_change = false;
}

ByteView ChangedModel::payload(std::size_t slot) const {
  return payloads_[slot] ? ByteView(*payloads_[slot]) : original_.slots[slot].view.data;
}

std::optional<std::size_t> ChangedModel::other_of_same_size(std::size_t slot) {
  std::vector<std::size_t> others;
  for (std::size_t i = 0; i < payloads_.size(); ++i) {
    if (i != slot && payload(i).size() == payload(slot).size()) others.push_back(i);
  }
  if (others.empty()) return std::nullopt;
  return others[below(others.size())];
}

// Nothing for a kind of change that the slot cannot take.
std::optional<Bytes> ChangedModel::changed(std::size_t slot, Change kind) {
  const TensorView& view = original_.slots[slot].view;
  const unsigned width = view.element.width;
  const ByteView now = payload(slot);
  if (kind == Change::kPruned) {
    Bytes pruned(now.begin(), now.end());
    const double rate = random_.uniform();
    for (std::size_t i = 0; i < view.count(); ++i) {
      if (random_.uniform() < rate) std::fill_n(pruned.data() + i * width, width, 0);
    }
    return pruned;
  }
  if (kind == Change::kFewValues || kind == Change::kRandom) {
    const Pattern pattern = kind == Change::kRandom ? Pattern::kBell : Pattern::kFew;
    return make_tensor(pattern, view.element, view.count(), random_.next()).data;
  }
  const auto other = other_of_same_size(slot);
  if (!other) return std::nullopt;
  const ByteView source = payload(*other);
  if (kind == Change::kCopy) return Bytes(source.begin(), source.end());
  const std::span<const std::int64_t> dims = original_.slots[slot].dims;
  if (dims.size() < 2 || view.count() == 0) return std::nullopt;
  const auto columns = static_cast<std::uint64_t>(dims[0]);
  Bytes out(source.size());
  transpose(source, {view.count() / columns, columns, width}, out);
  return out;
}

void ChangedModel::change(std::span<const Change> kinds) {
  for (;;) {
    const std::size_t slot = below(payloads_.size());
    const Change kind = kinds[below(kinds.size())];
    if (kind == Change::kOriginal) {
      if (!payloads_[slot]) continue;
      payloads_[slot].reset();
      return;
    }
    if (std::optional<Bytes> bytes = changed(slot, kind)) {
      payloads_[slot] = std::move(*bytes);
      return;
    }
  }
}

void ChangedModel::change_in_any_way() { change(kAllChanges); }

PackSource ChangedModel::source() const {
  PackSource source = original_;
  for (SourceFile& file : source.files) file.bytes = {};
  std::vector<std::uint64_t> done(source.files.size());
  const auto add_original = [&](std::size_t file, std::uint64_t end) {
    original_.files[file].bytes.each(done[file], end - done[file],
                                     [&](ByteView part) { source.files[file].bytes.add(part); });
    done[file] = end;
  };
  for (std::size_t i = 0; i < source.slots.size(); ++i) {
    if (!payloads_[i]) continue;
    Slot& slot = source.slots[i];
    slot.view.data = payload(i);
    add_original(slot.file, slot.offset);
    source.files[slot.file].bytes.add(slot.view.data);
    done[slot.file] += slot.view.data.size();
  }
  for (std::size_t i = 0; i < done.size(); ++i) add_original(i, original_.files[i].bytes.size());
  return source;
}

}  // namespace qc::test
