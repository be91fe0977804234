#include "formats/onnx/onnx_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>
#include <tuple>

#include "core/error.h"
#include "formats/onnx/onnx_wire.h"
#include "formats/onnx/tensor_table.h"
#include "formats/signatures/foreign_files.h"
#include "formats/signatures/qc_magic.h"
#include "system/output_set.h"

namespace qc {
namespace {

// Of files that are no models it says what they are, where that is known.
WireModel walk_onnx(ByteView bytes, std::uint64_t memory) {
  try {
    return walk_model(GappedBytes(bytes), memory);
  } catch (const Error&) {
    const std::string foreign = foreign_format(bytes);
    if (foreign.empty()) throw;
    throw Error(ErrorCode::kUnsupported, fmt::format("this is {}", foreign));
  }
}

}  // namespace

OnnxModel OnnxModel::open(const std::filesystem::path& path, Links links) {
  OnnxModel model;
  model.links_ = links;
  model.folder_ = path.parent_path();
  model.path_ = path;
  model.mappings_.push_back(std::make_unique<MappedFile>(path));
  try {
    model.load(model.mappings_.front()->bytes(), path.filename());
  } catch (const Error& error) {
    throw Error(error.code(), fmt::format("{}: {}", path.string(), error.what()));
  }
  return model;
}

OnnxModel OnnxModel::from_memory(std::vector<std::pair<std::filesystem::path, Bytes>> files,
                                 std::uint64_t memory) {
  OnnxModel model;
  model.memory_ = memory;
  model.owned_ = std::move(files);
  if (model.owned_.empty()) throw Error(ErrorCode::kInternal, "a model needs a file");
  model.load(model.owned_.front().second, model.owned_.front().first);
  return model;
}

std::size_t OnnxModel::external_file(const std::string& location) {
  // Else the system would look for a file with another, shorter name.
  if (location.find('\0') != std::string::npos) {
    throw Error(ErrorCode::kCorrupt,
                fmt::format("external data in {:?}, a name with a zero byte: refused", location));
  }
  const std::filesystem::path relative(location);
  if (!stays_inside(relative)) {
    throw Error(
        ErrorCode::kCorrupt,
        fmt::format("external data in \"{}\", outside the model's folder: refused", location));
  }
  const std::filesystem::path normal = relative.lexically_normal();
  if (normal == files_.front().relative) {
    throw Error(
        ErrorCode::kUnsupported,
        fmt::format("external data in \"{}\", the model's own file: not supported", location));
  }
  for (std::size_t i = 1; i < files_.size(); ++i) {
    if (files_[i].relative == normal) return i;
  }
  ByteView bytes;
  if (owned_.empty()) {
    require_inside(normal);
    try {
      mappings_.push_back(std::make_unique<MappedFile>(folder_ / normal));
    } catch (const Error& error) {
      throw Error(error.code(), fmt::format("external data: {}", error.what()));
    }
    bytes = mappings_.back()->bytes();
  } else {
    const auto found = std::find_if(owned_.begin(), owned_.end(),
                                    [&](const auto& file) { return file.first == normal; });
    if (found == owned_.end()) {
      throw Error(ErrorCode::kFile, fmt::format("external data: no file {}", location));
    }
    bytes = found->second;
  }
  files_.push_back({normal, bytes});
  return files_.size() - 1;
}

// A model from elsewhere, with its folder, must not pick up files that were never part of it.
void OnnxModel::require_inside(const std::filesystem::path& relative) const {
  if (links_ == Links::kAnywhere) return;
  std::error_code error;
  const std::filesystem::path folder =
      std::filesystem::canonical(folder_.empty() ? "." : folder_, error);
  const std::filesystem::path target = std::filesystem::canonical(folder_ / relative, error);
  if (error || stays_inside(target.lexically_relative(folder))) return;
  throw Error(
      ErrorCode::kUnsupported,
      fmt::format("external data in {} is a link to {}, outside the model's folder; if that "
                  "is meant to be so, allow it with --follow-links",
                  relative.string(), target.string()));
}

void OnnxModel::load(ByteView model_bytes, const std::filesystem::path& name) {
  if (is_qc(model_bytes)) {
    throw Error(ErrorCode::kUsage,
                "this is a .qc container, not an ONNX model; unpack it first: "
                "qcompress unpack");
  }
  files_.push_back({name, model_bytes});
  tensors_ = make_tensors(walk_onnx(model_bytes, memory_), [this](const std::string& location) {
    const std::size_t file = external_file(location);
    return ExternalFile{file, files_[file].bytes.size()};
  });
}

ByteView OnnxModel::payload(const TensorInfo& tensor) const {
  if (tensor.storage == Storage::kNone) return {};
  return files_[tensor.file].bytes.subspan(tensor.offset, tensor.size);
}

void OnnxModel::release(ByteView part) const noexcept {
  for (const auto& mapping : mappings_) mapping->release(part);
}

std::uint64_t OnnxModel::total_size() const {
  std::uint64_t total = 0;
  for (const ModelFile& file : files_) total += file.bytes.size();
  return total;
}

void OnnxModel::refuse_input(const std::filesystem::path& target, bool is_model) const {
  if (path_.empty()) return;
  for (std::size_t i = 0; i < files_.size(); ++i) {
    std::error_code error;
    if (!std::filesystem::equivalent(target, i == 0 ? path_ : folder_ / files_[i].relative, error))
      continue;
    throw Error(ErrorCode::kUsage,
                is_model ? fmt::format("{} is {}; name another output", target.string(),
                                       i == 0 ? "the input" : "external data of the input")
                         : fmt::format("the output would overwrite {}, which belongs to the input; "
                                       "name an output in another folder with -o",
                                       target.string()));
  }
}

// By file and offset; tensors that share a payload may share an edit.
struct OnnxModel::Edit {
  std::size_t file;
  std::uint64_t offset;
  const Bytes* bytes;
};

std::vector<OnnxModel::Edit> OnnxModel::in_order(const PayloadEdits& edits) const {
  std::vector<Edit> ordered;
  for (const auto& [index, bytes] : edits) {
    const TensorInfo& tensor = tensors_[index];
    if (bytes.size() != tensor.size) {
      throw Error(ErrorCode::kInternal,
                  fmt::format("tensor {}: an edit of another size", tensor.name));
    }
    ordered.push_back({tensor.file, tensor.offset, &bytes});
  }
  std::stable_sort(ordered.begin(), ordered.end(), [](const Edit& a, const Edit& b) {
    return std::tuple(a.file, a.offset, b.bytes->size()) <
           std::tuple(b.file, b.offset, a.bytes->size());
  });
  return ordered;
}

void OnnxModel::splice(std::size_t file, const std::vector<Edit>& edits, ByteSink& out) const {
  std::uint64_t done = 0;
  const Edit* last = nullptr;
  const ByteView bytes = files_[file].bytes;
  for (const Edit& edit : edits) {
    if (edit.file != file) continue;
    if (edit.offset < done) {
      // Bytes that two tensors share must become the same in both.
      const bool same = edit.offset + edit.bytes->size() <= done &&
                        std::equal(edit.bytes->begin(), edit.bytes->end(),
                                   last->bytes->begin() +
                                       static_cast<std::ptrdiff_t>(edit.offset - last->offset));
      if (!same) {
        throw Error(ErrorCode::kUnsupported, "tensors overlap in the file and cannot be changed");
      }
      continue;
    }
    last = &edit;
    out.write(bytes.subspan(done, edit.offset - done));
    out.write(*edit.bytes);
    done = edit.offset + edit.bytes->size();
  }
  out.write(bytes.subspan(done));
}

OnnxModel OnnxModel::edited(const PayloadEdits& edits) const {
  const std::vector<Edit> ordered = in_order(edits);
  OwnedFiles files;
  for (std::size_t i = 0; i < files_.size(); ++i) {
    MemorySink sink;
    splice(i, ordered, sink);
    files.emplace_back(files_[i].relative, sink.take());
  }
  return derived(std::move(files));
}

OnnxModel OnnxModel::with_contents(std::vector<Bytes> contents) const {
  if (contents.size() != files_.size()) {
    throw Error(ErrorCode::kCorrupt, "another number of files than the model has");
  }
  OwnedFiles files;
  for (std::size_t i = 0; i < files_.size(); ++i) {
    files.emplace_back(files_[i].relative, std::move(contents[i]));
  }
  return derived(std::move(files));
}

OnnxModel OnnxModel::with_main_file(Bytes bytes) const {
  OwnedFiles files;
  files.emplace_back(files_.front().relative, std::move(bytes));
  for (std::size_t i = 1; i < files_.size(); ++i) {
    files.emplace_back(files_[i].relative, Bytes(files_[i].bytes.begin(), files_[i].bytes.end()));
  }
  return derived(std::move(files));
}

OnnxModel OnnxModel::derived(OwnedFiles files) const {
  OnnxModel model = from_memory(std::move(files), memory_);
  model.path_ = path_;
  model.folder_ = folder_;
  return model;
}

std::vector<std::filesystem::path> OnnxModel::write(const std::filesystem::path& path,
                                                    const PayloadEdits& edits,
                                                    Overwrite overwrite) const {
  return stage(path, edits, overwrite)->commit();
}

std::unique_ptr<OutputSet> OnnxModel::stage(const std::filesystem::path& path,
                                            const PayloadEdits& edits, Overwrite overwrite) const {
  const std::vector<Edit> ordered = in_order(edits);
  const std::filesystem::path out_folder = path.parent_path();
  std::vector<ByteSink*> sinks;
  refuse_input(path, true);
  auto outputs = std::make_unique<OutputSet>(path, overwrite, Sync::kToDisk);
  sinks.push_back(&outputs->main());
  for (std::size_t i = 1; i < files_.size(); ++i) {
    const std::filesystem::path target = out_folder / files_[i].relative;
    refuse_input(target, false);
    if (target.lexically_normal() == path.lexically_normal()) {
      throw Error(ErrorCode::kUsage,
                  fmt::format("{} is where the model's external data goes; name another output",
                              path.string()));
    }
    sinks.push_back(&outputs->add(files_[i].relative));
  }
  for (std::size_t i = 0; i < files_.size(); ++i) splice(i, ordered, *sinks[i]);
  require_unchanged();
  outputs->start_sync();
  return outputs;
}

void OnnxModel::require_unchanged() const {
  for (const auto& mapping : mappings_) mapping->require_unchanged();
}

}  // namespace qc
