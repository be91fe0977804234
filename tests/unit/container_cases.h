// Small containers of every kind, to be read, cut and damaged.
#pragma once

#include <functional>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "codecs/shared/ids.h"
#include "core/tensor.h"
#include "formats/qc/read/qc_reader.h"
#include "formats/qc/write/qc_writer.h"
#include "model_builder.h"
#include "model_files.h"
#include "test_tensors.h"

namespace qc::test {

/// A model and how it is packed.
struct ContainerCase {
  std::string name;
  std::function<void(ModelBuilder&)> build;
  PackOptions options = {};
  std::optional<LayoutId> layout = {};            ///< that some unit must have
  std::function<bool(const QcReader&)> has = {};  ///< what it was made for
  bool external = false;  ///< the first initializer goes to a file of its own
};

/// For the name of a test that fails.
std::ostream& operator<<(std::ostream& out, const ContainerCase& test);

/// A container of each layout, pooled, repeated, transposed, chunked, external and whole.
std::vector<ContainerCase> container_cases();

/// The model of a case as files.
Files files_of(const ContainerCase& test);

/// Adds an initializer of such values.
void add_tensor(ModelBuilder& builder, const std::string& name, Pattern pattern, DataType type,
                const std::vector<std::int64_t>& dims, std::uint64_t seed = 3);

}  // namespace qc::test
