// Samples that lie one after the other in files: idx, CIFAR, npy.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/tensor.h"
#include "data/blob.h"
#include "data/sample_source.h"

namespace qc {

/// A file with samples at equal distances.
struct ArrayPart {
  std::string name;
  Blob blob;
  std::size_t first = 0;   ///< byte offset of the first sample
  std::size_t stride = 0;  ///< bytes from one sample to the next
  std::size_t count = 0;
};

/// Samples of one type and shape in one or more files.
struct SampleArray {
  std::vector<ArrayPart> parts;
  DataType type = DataType::kUint8;
  SampleForm form;
  std::vector<std::int64_t> labels;  ///< of all parts, each in [0, classes)
  std::int64_t classes = 0;
  std::string description;
};

/// Whether a SampleArray may hold this type.
bool is_sample_type(DataType type) noexcept;

class ArraySource final : public SampleSource {
 public:
  explicit ArraySource(SampleArray array) : array_(std::move(array)) {}

  std::size_t size() const noexcept override { return array_.labels.size(); }
  const SampleForm& form() const noexcept override { return array_.form; }
  std::int64_t classes() const noexcept override { return array_.classes; }
  std::string description() const override { return array_.description; }
  std::string name(std::size_t index) const override;
  std::int64_t label(std::size_t index) const noexcept override { return array_.labels[index]; }
  SampleView view(std::size_t index, SampleBuffer& buffer) const override;

 private:
  struct Place {
    const ArrayPart* part;
    std::size_t index;  // in the part
  };
  Place place(std::size_t index) const noexcept;

  SampleArray array_;
};

}  // namespace qc
