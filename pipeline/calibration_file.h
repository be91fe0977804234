// Calibration kept in a file: what samples show of a network's weights, for passes that then need
// no samples.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "passes/calibration.h"
#include "system/atomic_file.h"
#include "system/mapped_file.h"

namespace qc {

/// Writes the moments of all weights of `model` that products use, of the network as it is; one
/// tensor is in memory at a time. Returns how many there are. A matrix with n columns takes 4 n^2
/// bytes. Throws Error as CalibrationSource::visit() and AtomicFile do.
std::size_t save_calibration(const std::filesystem::path& path, Overwrite overwrite,
                             const OnnxModel& model, CalibrationSource& source);

/// Gives what save_calibration() wrote. Tensors are found by their names, so the model may be one
/// whose values changed since; later layers are not told of changes to earlier ones.
class CalibrationFile final : public CalibrationSource {
 public:
  /// Throws Error, which names the file: kFile, kCorrupt.
  explicit CalibrationFile(const std::filesystem::path& path);

  /// Throws Error(kUsage) where a tensor has another shape here, or none is known: the file is of
  /// another network.
  void visit(const OnnxModel& model, std::span<const std::size_t> tensors,
             const std::function<PayloadEdits(std::size_t tensor, const Moments& moments)>& visit)
      override;

  /// Throws Error(kUsage): gradients are in no such file.
  std::map<std::size_t, std::vector<float>> gradient_squares(
      const OnnxModel& model, std::span<const std::size_t> tensors) override;

 private:
  struct Record {
    std::string name;
    std::vector<std::int64_t> dims;
    Moments sizes;  ///< without the moments themselves
    ByteView values;
  };

  void read();
  static Moments moments_of(const Record& record);

  std::filesystem::path path_;
  MappedFile file_;
  std::vector<Record> records_;  ///< in the order in which they are visited
};

}  // namespace qc
