// An ONNX model as a spliced set of files: where every tensor's payload lies, what it is for, and
// how to write the model again with other payloads and every other byte unchanged.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/bytes.h"
#include "formats/onnx/tensor_info.h"
#include "system/file.h"

namespace qc {

class OutputSet;

/// One file of a model: the .onnx file (always the first) or a file with external data.
struct ModelFile {
  std::filesystem::path relative;  ///< to the model's folder; for the first, its file name
  ByteView bytes;
};

/// New payloads by index into OnnxModel::tensors(); each as long as the one it replaces.
using PayloadEdits = std::map<std::size_t, Bytes>;

/// A model opened for reading. Never copies payloads; the files stay mapped for its life.
class OnnxModel {
 public:
  /// Opens a .onnx file and the external data it refers to. Throws Error: kFile when a file is
  /// missing, kCorrupt when the bytes are not a well-formed model or refer outside its folder,
  /// kUnsupported when a link leads there that may not be followed.
  static OnnxModel open(const std::filesystem::path& path, Links links = Links::kInside);

  /// The same from bytes in memory, for a model that was unpacked there. The first file is the
  /// .onnx file; the rest are looked up by relative path. `memory`: as for walk_model().
  static OnnxModel from_memory(std::vector<std::pair<std::filesystem::path, Bytes>> files,
                               std::uint64_t memory = 0);

  const std::vector<ModelFile>& files() const noexcept { return files_; }
  const std::vector<TensorInfo>& tensors() const noexcept { return tensors_; }
  ByteView payload(const TensorInfo& tensor) const;

  /// Says that a part of a file will not be read soon; see MappedFile::release().
  void release(ByteView part) const noexcept;

  /// Sum of the sizes of all files, bytes.
  std::uint64_t total_size() const;

  /// Writes the model to `path` with some payloads replaced; external files go beside it under
  /// their relative paths. All files appear, or none. Gives the old files that could not be
  /// removed, which have hidden names now. Throws Error(kFile); refuses to overwrite a file of the
  /// model itself.
  std::vector<std::filesystem::path> write(const std::filesystem::path& path,
                                           const PayloadEdits& edits, Overwrite overwrite) const;

  /// The same but for the last step: the files appear on commit().
  std::unique_ptr<OutputSet> stage(const std::filesystem::path& path, const PayloadEdits& edits,
                                   Overwrite overwrite) const;

  /// Throws Error(kUsage) when `target` is a file that the model was opened from, and an output may
  /// not go there. `is_model`: it would be the .onnx file.
  void refuse_input(const std::filesystem::path& target, bool is_model) const;

  /// Throws Error(kFile) when one of its files was written to since it was opened.
  void require_unchanged() const;
  /// Whether its bytes are those of files, which others may change.
  bool is_mapped() const noexcept { return !mappings_.empty(); }

  /// The model in memory with some payloads replaced.
  OnnxModel edited(const PayloadEdits& edits) const;

  /// The model in memory with other contents of all its files, in their order. Throws Error as
  /// open() does.
  OnnxModel with_contents(std::vector<Bytes> contents) const;

  /// The model in memory with another .onnx file beside the same external data.
  OnnxModel with_main_file(Bytes bytes) const;

 private:
  struct Edit;

  using OwnedFiles = std::vector<std::pair<std::filesystem::path, Bytes>>;

  OnnxModel() = default;
  OnnxModel derived(OwnedFiles files) const;
  std::vector<Edit> in_order(const PayloadEdits& edits) const;
  void splice(std::size_t file, const std::vector<Edit>& edits, ByteSink& out) const;
  void load(ByteView model_bytes, const std::filesystem::path& name);
  std::size_t external_file(const std::string& location);
  void require_inside(const std::filesystem::path& relative) const;

  // Of the files that the model, or the one it was derived from, was opened from; empty where there
  // are none. Outputs must not overwrite them.
  std::filesystem::path path_;
  std::filesystem::path folder_;
  Links links_ = Links::kInside;
  std::vector<std::unique_ptr<MappedFile>> mappings_;
  std::uint64_t memory_ = 0;  // for the graph, as for walk_model()
  OwnedFiles owned_;
  std::vector<ModelFile> files_;
  std::vector<TensorInfo> tensors_;
};

}  // namespace qc
