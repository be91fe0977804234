// An ONNX model as a spliced set of files: its graph, where every tensor's payload lies, and how to
// write the model again with changes, and every other byte as it was.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "core/byte_pieces.h"
#include "core/bytes.h"
#include "formats/onnx/onnx_messages.h"
#include "graph/edited_graph.h"
#include "graph/graph.h"
#include "graph/tensor_info.h"
#include "system/file.h"

namespace qc {

class OutputSet;

/// One file of a model: the .onnx file (always the first) or a file with external data.
struct ModelFile {
  std::filesystem::path relative;  ///< to the model's folder; for the first, its file name
  BytePieces bytes;
};

/// New payloads by index into OnnxModel::tensors(); each as long as the one it replaces.
using PayloadEdits = std::map<std::size_t, Bytes>;

/// A model: the files that it was opened from, under an overlay of what was changed. Payloads are
/// never copied: a copy of a model, and a model made from another, share what is the same, and
/// files stay mapped as long as a model has bytes of them.
class OnnxModel {
 public:
  /// Opens a .onnx file and the external data it refers to. Throws Error: kFile when a file is
  /// missing, kCorrupt when the bytes are not a well-formed model or refer outside its folder,
  /// kUnsupported when a link leads there that may not be followed.
  static OnnxModel open(const std::filesystem::path& path, Links links = Links::kInside);

  /// The same from bytes in memory, for a model that was unpacked there. The first file is the
  /// .onnx file; the rest are looked up by relative path. `memory`: as for read_onnx().
  static OnnxModel from_memory(std::vector<std::pair<std::filesystem::path, Bytes>> files,
                               std::uint64_t memory = 0);

  const std::vector<ModelFile>& files() const noexcept { return files_; }
  const std::vector<TensorInfo>& tensors() const noexcept { return *tensors_; }
  const std::shared_ptr<const ModelGraph>& graph() const noexcept { return graph_; }
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

  /// Whether some of its bytes are those of files, which others may change.
  bool is_mapped() const noexcept { return !mappings_.empty(); }

  /// The model with some payloads replaced.
  OnnxModel edited(PayloadEdits edits) const;

  /// The model with another graph, made from its own, and the new tensors of that. Nodes, tensors
  /// and values that are the same are spliced, and all that the graph does not represent is kept.
  /// External data stays external. `leaves_out`: fields that are not
  /// copied. Throws Error(kUnsupported) when the graph is written in several
  /// parts.
  OnnxModel with_graph(EditedGraph edited, const FieldFilter& leaves_out = {}) const;

  /// A copy of the graph, to be changed.
  EditedGraph edit_graph() const { return EditedGraph(*graph_, tensors_->size()); }

  /// The model in memory with other contents of all its files, in their order. Throws Error as
  /// open() does.
  OnnxModel with_contents(std::vector<Bytes> contents) const;

 private:
  struct Edit;
  // What keeps bytes alive that pieces of files refer to.
  struct Holder {
    ByteView bytes;
    std::shared_ptr<const void> owner;
  };
  // Finds a file with external data by its path; throws Error when there is none.
  using FindFile = std::function<BytePieces(const std::filesystem::path& relative)>;

  OnnxModel() = default;
  void load(const FindFile& find);
  void load_from(const std::vector<ModelFile>& files);
  BytePieces hold(Bytes bytes);
  void drop_unused_holders();
  void join_payloads();
  void join_range(std::size_t file, std::uint64_t begin, std::uint64_t end);
  std::vector<Edit> in_order(const PayloadEdits& edits) const;
  BytePieces splice(std::size_t file, const std::vector<Edit>& edits) const;
  std::size_t external_file(const std::string& location, const FindFile& find);
  void require_inside(const std::filesystem::path& relative) const;

  // Of the files that the model, or the one it was derived from, was opened from; empty where there
  // are none. Outputs must not overwrite them.
  std::filesystem::path path_;
  std::filesystem::path folder_;
  Links links_ = Links::kInside;
  std::vector<std::shared_ptr<const MappedFile>> mappings_;
  std::vector<Holder> holders_;
  std::uint64_t memory_ = 0;  // for the graph, as for read_onnx()
  std::vector<ModelFile> files_;
  std::shared_ptr<const ModelGraph> graph_;
  std::shared_ptr<const std::vector<TensorInfo>> tensors_;
};

}  // namespace qc
