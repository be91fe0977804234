#include "formats/onnx/onnx_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <system_error>
#include <tuple>
#include <utility>

#include "core/error.h"
#include "formats/onnx/onnx_reader.h"
#include "formats/onnx/onnx_writer.h"
#include "formats/onnx/tensor_table.h"
#include "formats/signatures/foreign_files.h"
#include "formats/signatures/qc_magic.h"
#include "system/output_set.h"

namespace qc {
namespace {

void refuse_container(ByteView bytes) {
  if (!is_qc(bytes)) return;
  throw Error(ErrorCode::kUsage,
              "this is a .qc container, not an ONNX model; unpack it first: "
              "qcompress unpack");
}

// Of files that are no models it says what they are, where that is known.
OnnxFile read_file(const BytePieces& file, std::uint64_t memory) {
  try {
    return read_onnx(GappedBytes(file), memory);
  } catch (const Error&) {
    const std::string foreign = foreign_format(file.at(0));
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
  const auto map = [&](const std::filesystem::path& file) {
    model.mappings_.push_back(std::make_shared<const MappedFile>(file));
    return BytePieces(model.mappings_.back()->bytes());
  };
  model.files_.push_back({path.filename(), map(path)});
  try {
    refuse_container(model.mappings_.front()->bytes());
    model.load([&](const std::filesystem::path& relative) {
      model.require_inside(relative);
      try {
        return map(model.folder_ / relative);
      } catch (const Error& error) {
        throw Error(error.code(), fmt::format("external data: {}", error.what()));
      }
    });
  } catch (const Error& error) {
    throw Error(error.code(), fmt::format("{}: {}", path.string(), error.what()));
  }
  return model;
}

OnnxModel OnnxModel::from_memory(std::vector<std::pair<std::filesystem::path, Bytes>> files,
                                 std::uint64_t memory) {
  if (files.empty()) throw Error(ErrorCode::kInternal, "a model needs a file");
  OnnxModel model;
  model.memory_ = memory;
  std::vector<ModelFile> held;
  held.reserve(files.size());
  for (auto& file : files) held.push_back({file.first, model.hold(std::move(file.second))});
  refuse_container(held.front().bytes.at(0));
  model.load_from(held);
  return model;
}

BytePieces OnnxModel::hold(Bytes bytes) {
  auto owner = std::make_shared<const Bytes>(std::move(bytes));
  const ByteView view = *owner;
  holders_.push_back({view, std::move(owner)});
  return BytePieces(view);
}

// Each holder's bytes lie together, so one piece in them is enough to keep it.
void OnnxModel::drop_unused_holders() {
  std::vector<const std::uint8_t*> used;
  for (const ModelFile& file : files_) {
    file.bytes.each(0, file.bytes.size(), [&](ByteView piece) { used.push_back(piece.data()); });
  }
  std::ranges::sort(used, std::less<>());
  std::erase_if(holders_, [&](const Holder& holder) {
    const std::uint8_t* const begin = holder.bytes.data();
    const auto first = std::ranges::lower_bound(used, begin, std::less<>());
    return first == used.end() || std::less<>()(begin + holder.bytes.size() - 1, *first);
  });
}

std::size_t OnnxModel::external_file(const std::string& location, const FindFile& find) {
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
  files_.push_back({normal, find(normal)});
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

void OnnxModel::load(const FindFile& find) {
  OnnxFile read = read_file(files_.front().bytes, memory_);
  tensors_ = std::make_shared<const std::vector<TensorInfo>>(
      make_tensors(read, [&](const std::string& location) {
        const std::size_t file = external_file(location, find);
        return ExternalFile{file, files_[file].bytes.size()};
      }));
  graph_ = std::make_shared<const ModelGraph>(std::move(read.graph));
}

// Of files with external data only those are taken that the graph refers to.
void OnnxModel::load_from(const std::vector<ModelFile>& files) {
  files_ = {files.front()};
  load([&](const std::filesystem::path& relative) {
    const auto found = std::ranges::find(files, relative, &ModelFile::relative);
    if (found == files.end()) {
      throw Error(ErrorCode::kFile,
                  fmt::format("external data: no file {}", relative.generic_string()));
    }
    return found->bytes;
  });
  drop_unused_holders();
}

ByteView OnnxModel::payload(const TensorInfo& tensor) const {
  if (tensor.storage == Storage::kNone) return {};
  const auto bytes = files_[tensor.file].bytes.view(tensor.offset, tensor.size);
  if (!bytes) throw Error(ErrorCode::kInternal, fmt::format("tensor {} is in pieces", tensor.name));
  return *bytes;
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
  ByteView bytes;
};

std::vector<OnnxModel::Edit> OnnxModel::in_order(const PayloadEdits& edits) const {
  std::vector<Edit> ordered;
  for (const auto& [index, bytes] : edits) {
    const TensorInfo& tensor = tensors()[index];
    if (bytes.size() != tensor.size) {
      throw Error(ErrorCode::kInternal,
                  fmt::format("tensor {}: an edit of another size", tensor.name));
    }
    ordered.push_back({tensor.file, tensor.offset, bytes});
  }
  std::stable_sort(ordered.begin(), ordered.end(), [](const Edit& a, const Edit& b) {
    return std::tuple(a.file, a.offset, b.bytes.size()) <
           std::tuple(b.file, b.offset, a.bytes.size());
  });
  return ordered;
}

BytePieces OnnxModel::splice(std::size_t file, const std::vector<Edit>& edits) const {
  BytePieces spliced;
  std::uint64_t done = 0;
  const Edit* last = nullptr;
  const BytePieces& bytes = files_[file].bytes;
  for (const Edit& edit : edits) {
    if (edit.file != file) continue;
    if (edit.offset < done) {
      // Bytes that two tensors share must become the same in both.
      const bool same =
          edit.offset + edit.bytes.size() <= done &&
          std::equal(edit.bytes.begin(), edit.bytes.end(),
                     last->bytes.begin() + static_cast<std::ptrdiff_t>(edit.offset - last->offset));
      if (!same) {
        throw Error(ErrorCode::kUnsupported, "tensors overlap in the file and cannot be changed");
      }
      continue;
    }
    last = &edit;
    spliced.add_range(bytes, done, edit.offset - done);
    spliced.add(edit.bytes);
    done = edit.offset + edit.bytes.size();
  }
  spliced.add_range(bytes, done, bytes.size() - done);
  return spliced;
}

OnnxModel OnnxModel::edited(PayloadEdits edits) const {
  OnnxModel model = *this;
  const std::vector<Edit> ordered = in_order(edits);
  for (std::size_t i = 0; i < files_.size(); ++i) model.files_[i].bytes = splice(i, ordered);
  // The memory of a vector that is moved stays where it is.
  for (auto& edit : edits) static_cast<void>(model.hold(std::move(edit.second)));
  model.join_payloads();
  model.drop_unused_holders();
  return model;
}

// Where tensors share a part of their bytes, a change of one leaves another in pieces.
void OnnxModel::join_payloads() {
  for (const TensorInfo& tensor : tensors()) {
    if (tensor.storage == Storage::kNone) continue;
    if (files_[tensor.file].bytes.view(tensor.offset, tensor.size)) continue;
    join_range(tensor.file, tensor.offset, tensor.offset + tensor.size);
  }
}

// Brings a range of a file together, with the whole of all tensors that have a part of it.
void OnnxModel::join_range(std::size_t file, std::uint64_t begin, std::uint64_t end) {
  for (bool grown = true; grown;) {
    grown = false;
    for (const TensorInfo& tensor : tensors()) {
      const std::uint64_t tensor_end = tensor.offset + tensor.size;
      const bool overlaps = tensor.storage != Storage::kNone && tensor.file == file &&
                            tensor.offset < end && begin < tensor_end;
      if (!overlaps || (begin <= tensor.offset && tensor_end <= end)) continue;
      begin = std::min(begin, tensor.offset);
      end = std::max(end, tensor_end);
      grown = true;
    }
  }
  const BytePieces& pieces = files_[file].bytes;
  Bytes together;
  pieces.append_range(begin, end - begin, together);
  BytePieces joined;
  joined.add_range(pieces, 0, begin);
  joined.add_range(hold(std::move(together)), 0, end - begin);
  joined.add_range(pieces, end, pieces.size() - end);
  files_[file].bytes = std::move(joined);
}

OnnxModel OnnxModel::with_graph(EditedGraph edited, const FieldFilter& leaves_out) const {
  WrittenFile written = write_onnx(files_.front().bytes, *graph_, edited, leaves_out);
  OnnxModel model = *this;
  std::vector<ModelFile> files = files_;
  files.front().bytes = std::move(written.bytes);
  static_cast<void>(model.hold(std::move(written.own)));
  for (HostTensor& tensor : edited.tensors) static_cast<void>(model.hold(std::move(tensor.bytes)));
  model.load_from(files);
  return model;
}

OnnxModel OnnxModel::with_contents(std::vector<Bytes> contents) const {
  if (contents.size() != files_.size()) {
    throw Error(ErrorCode::kCorrupt, "another number of files than the model has");
  }
  OnnxModel model = *this;
  model.mappings_.clear();
  std::vector<ModelFile> files = files_;
  for (std::size_t i = 0; i < files.size(); ++i) {
    files[i].bytes = model.hold(std::move(contents[i]));
  }
  refuse_container(files.front().bytes.at(0));
  model.load_from(files);
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
  for (std::size_t i = 0; i < files_.size(); ++i) {
    const BytePieces file = splice(i, ordered);
    file.each(0, file.size(), [&](ByteView piece) { sinks[i]->write(piece); });
  }
  require_unchanged();
  outputs->start_sync();
  return outputs;
}

void OnnxModel::require_unchanged() const {
  for (const auto& mapping : mappings_) mapping->require_unchanged();
}

}  // namespace qc
