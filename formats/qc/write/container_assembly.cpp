#include "formats/qc/write/container_assembly.h"

#include <fmt/format.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "formats/qc/decode/container_path.h"
#include "formats/qc/write/container_index.h"
#include "formats/qc/write/index_choice.h"
#include "formats/qc/write/slot_repeats.h"
#include "formats/qc/write/small_units.h"
#include "formats/qc/write/source_digests.h"
#include "formats/qc/write/unit_coder.h"
#include "system/parallel.h"

namespace qc {
namespace {

class Assembly {
 public:
  // `memory` is null where the container is written, and `out` where only its size is asked for.
  Assembly(const PackSource& source, const PackOptions& options, PackMemory* memory, ByteSink* out)
      : source_(source),
        options_(options),
        threads_(thread_count(options.threads)),
        memory_(memory),
        out_(out),
        coder_(options.encode, memory != nullptr ? &memory->units : nullptr),
        file_digests_(digest_files(source, threads_)),
        slot_digests_(digest_slots(source, memory != nullptr, threads_)),
        repeats_(find_repeats(source, slot_digests_)) {}

  std::uint64_t run() {
    write(qc_header());
    add_large_slots();
    const std::vector<SmallUnit> small =
        code_small_slots(source_, options_, distinct_slots(true), slot_digests_, coder_);
    std::optional<IndexChoice> best;
    std::optional<ContainerIndex> all;
    parallel_for(2, threads_, [&](std::size_t i) {
      if (i == 0) {
        best = choose_index(indexed(), options_, large_, small);
      } else {
        all = index_of_all(indexed(), slot_digests_, memory_ != nullptr ? &memory_->runs : nullptr);
      }
    });
    if (all && improves(indexed(), options_, *all, best->size())) {
      if (out_ != nullptr) out_->restart();
      write(qc_header());
      write_index(*all);
      return all->container_size(kQcHeaderSize);
    }
    std::uint64_t end = large_.end();
    for (const std::size_t i : best->small_units) end = write_unit(end, small[i].unit);
    write_index(best->index);
    return best->size();
  }

  // Units may be of what the files held earlier than the manifest says.
  void require_unchanged() const {
    if (!source_.may_change || digest_files(source_, threads_) == file_digests_) return;
    throw Error(ErrorCode::kFile,
                "the model was changed while it was packed; nothing was written: try again when it "
                "is complete");
  }

 private:
  IndexedSource indexed() const { return {source_, file_digests_, repeats_, options_.metadata}; }

  std::vector<std::size_t> distinct_slots(bool small) const {
    std::vector<std::size_t> found;
    for (std::size_t i = 0; i < source_.slots.size(); ++i) {
      const Slot& slot = source_.slots[i];
      if (!repeats_.of[i] && !slot.is_base_copy() && is_small(slot) == small) found.push_back(i);
    }
    return found;
  }

  void add_large_slots() {
    struct Job {
      std::size_t slot = 0;
      TensorView chunk;
      std::optional<Digest> digest;
    };
    std::vector<Job> jobs;
    for (const std::size_t slot : distinct_slots(false)) {
      const TensorView& view = source_.slots[slot].view;
      const std::uint64_t size = chunk_size(options_, view.element);
      const std::size_t chunks = chunk_count(view, size);
      for (std::size_t chunk = 0; chunk < chunks; ++chunk) {
        const auto digest = chunks == 1 ? slot_digests_[slot] : std::nullopt;
        jobs.push_back({slot, chunk_of(view, size, chunk), digest});
      }
    }
    std::vector<CodedUnit> coded(jobs.size());
    ordered_pipeline(
        jobs.size(), threads_, 2 * std::size_t{threads_},
        [&](std::size_t i) {
          coded[i] = coder_.code(jobs[i].chunk, jobs[i].digest);
          source_.release(jobs[i].chunk.data);
        },
        [&](std::size_t i) {
          const CodedUnit unit = std::exchange(coded[i], {});
          write_unit(large_.end(), unit);
          large_.add(unit.facts.entry, {&jobs[i].slot, 1});
          if (options_.progress) options_.progress(unit.facts.entry.size);
        });
  }

  void write(ByteView bytes) {
    if (out_ != nullptr) out_->write(bytes);
  }

  // Writes a unit behind what ends at `end`; gives its own end.
  std::uint64_t write_unit(std::uint64_t end, const CodedUnit& unit) {
    const std::uint64_t size = unit.facts.entry.stored_size;
    const std::uint64_t start = unit_start(end, size);
    write(Bytes(start - end));
    write(unit.bytes);
    return start + size;
  }

  void write_index(const ContainerIndex& index) {
    write(index.stored());
    write(footer_bytes(index.footer()));
  }

  const PackSource& source_;
  const PackOptions& options_;
  unsigned threads_;
  PackMemory* memory_;
  ByteSink* out_;
  UnitCoder coder_;
  std::vector<Digest> file_digests_;  // before anything else is read
  std::vector<std::optional<Digest>> slot_digests_;
  SlotRepeats repeats_;
  UnitList large_;
};

void require_paths(const PackSource& source) {
  std::vector<std::string_view> paths;
  for (const SourceFile& file : source.files) paths.push_back(file.path);
  std::vector<std::size_t> order(paths.size());
  if (const auto refused = find_refused_path(paths, order)) {
    throw Error(ErrorCode::kUnsupported,
                fmt::format("a container cannot hold a file with the path {:?}: rename it, and in "
                            "the model what refers to it",
                            paths[*refused]));
  }
}

std::uint64_t assemble(const PackSource& source, const PackOptions& options, PackMemory* memory,
                       ByteSink* out) {
  require_paths(source);
  Assembly assembly(source, options, memory, out);
  const std::uint64_t size = assembly.run();
  assembly.require_unchanged();
  return size;
}

}  // namespace

std::uint64_t assemble_container(const PackSource& source, const PackOptions& options,
                                 ByteSink& out) {
  return assemble(source, options, nullptr, &out);
}

std::uint64_t size_container(const PackSource& source, const PackOptions& options,
                             PackMemory& memory) {
  return assemble(source, options, &memory, nullptr);
}

}  // namespace qc
