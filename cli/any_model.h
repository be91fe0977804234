// Models in either form.
#pragma once

#include <filesystem>
#include <optional>

#include "core/byte_sink.h"
#include "formats/onnx/onnx_model.h"
#include "formats/qc/read/qc_reader.h"
#include "formats/qc/read/read_limits.h"

namespace qc {

/// The model of a container, unpacked in memory within the limits of the reader.
OnnxModel unpacked_model(const QcReader& reader, unsigned threads);

/// A model from a .onnx file, or unpacked in memory, within the limits, from a .qc file.
OnnxModel open_any_model(const std::filesystem::path& path, unsigned threads,
                         const ReadLimits& limits, Links links);

/// A container: a .qc file, or what `pack` makes of a .onnx file now.
class AnyContainer {
 public:
  /// Throws Error as reading and packing do.
  AnyContainer(const std::filesystem::path& path, unsigned threads, const ReadLimits& limits,
               Links links);

  const QcReader& reader() const { return *reader_; }
  bool packed_now() const { return packed_now_; }

 private:
  bool packed_now_;
  MemorySink packed_;
  std::optional<QcReader> reader_;  // of these bytes, or of the file
};

}  // namespace qc
