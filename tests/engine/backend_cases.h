// The backend tests that ONNX publishes with its operators' definitions, in Debian's package
// libonnx-testdata. Each is a model with inputs and the outputs they must give.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/host_tensor.h"
#include "graph/graph.h"

namespace qc::test {

/// Whether the package is there.
bool has_backend_tests();

/// The folders of all tests that have a model.
std::vector<std::filesystem::path> backend_tests();

/// The folders of the data sets of a test.
std::vector<std::filesystem::path> backend_sets(const std::filesystem::path& test);

/// False for a model with sequences or optionals as inputs or outputs.
bool has_tensors_only(const std::filesystem::path& model);

/// The tensors "input" or "output" of a data set, which the graph declares so.
std::vector<HostTensor> read_backend_tensors(const std::filesystem::path& set, const char* kind,
                                             const std::vector<GraphValue>& declared);

/// How far from the expected ones the floats of a test may be, relatively.
double backend_tolerance(const std::filesystem::path& test);

/// How a tensor differs from the expected one; empty when they agree.
std::string backend_difference(const HostTensor& expected, const HostTensor& actual,
                               double relative);

}  // namespace qc::test
