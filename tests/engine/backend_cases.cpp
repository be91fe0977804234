#include "backend_cases.h"

#include <fmt/format.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "harness.h"
#include "proto_tensor.h"
#include "tensor_values.h"

namespace qc::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* kTestData = "/usr/share/libonnx-testdata/data";

// What ONNX's own runner allows (onnx/backend/test/case/test_case.py).
constexpr double kRelative = 1e-3;
constexpr double kAbsolute = 1e-7;

// Made by ONNX 1.12, which cut floats off to bfloat16. Since 1.13 they are rounded, as by every
// runtime: one unit in the last place away.
constexpr std::array kCutOff = {"test_cast_FLOAT_to_BFLOAT16", "test_castlike_FLOAT_to_BFLOAT16",
                                "test_castlike_FLOAT_to_BFLOAT16_expanded"};
constexpr double kBfloat16Unit = 1.0 / 128;

std::vector<fs::path> subfolders(const fs::path& folder, const std::string& prefix) {
  std::vector<fs::path> result;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().filename().string().starts_with(prefix)) result.push_back(entry.path());
  }
  std::ranges::sort(result);
  return result;
}

bool is_optional_or_sequence(const onnx::ValueInfoProto& value) {
  return !value.type().has_tensor_type();
}

}  // namespace

bool has_backend_tests() { return fs::exists(kTestData); }

std::vector<fs::path> backend_tests() {
  std::vector<fs::path> result;
  for (const char* kind : {"node", "simple", "pytorch-converted", "pytorch-operator"}) {
    for (const fs::path& test : subfolders(fs::path(kTestData) / kind, "test_")) {
      if (fs::exists(test / "model.onnx")) result.push_back(test);
    }
  }
  return result;
}

std::string backend_difference(const HostTensor& expected, const HostTensor& actual,
                               double relative) {
  if (expected.type != actual.type) {
    return fmt::format("{} instead of {}", data_type_name(actual.type),
                       data_type_name(expected.type));
  }
  if (expected.dims != actual.dims) {
    return fmt::format("shape {} instead of {}", shape_text(actual.dims),
                       shape_text(expected.dims));
  }
  if (!is_float(expected.type)) {
    if (expected.bytes == actual.bytes && expected.strings == actual.strings) return {};
    return "other integers";
  }
  const std::vector<double> wanted = float_values(expected);
  const std::vector<double> got = float_values(actual);
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (std::isnan(wanted[i]) && std::isnan(got[i])) continue;
    if (wanted[i] == got[i]) continue;
    if (!(std::abs(got[i] - wanted[i]) <= kAbsolute + relative * std::abs(wanted[i]))) {
      return fmt::format("element {} is {} instead of {}", i, got[i], wanted[i]);
    }
  }
  return {};
}

bool has_tensors_only(const fs::path& model) {
  onnx::ModelProto proto;
  if (!proto.ParseFromString(harness::read_file(model))) return true;
  const auto& graph = proto.graph();
  return std::ranges::none_of(graph.input(), is_optional_or_sequence) &&
         std::ranges::none_of(graph.output(), is_optional_or_sequence);
}

// numpy has no bfloat16: the tests hold its bits as uint16.
std::vector<HostTensor> read_backend_tensors(const fs::path& set, const char* kind,
                                             const std::vector<GraphValue>& declared) {
  std::vector<HostTensor> tensors;
  for (std::size_t i = 0;; ++i) {
    const fs::path path = set / fmt::format("{}_{}.pb", kind, i);
    if (!fs::exists(path)) return tensors;
    HostTensor tensor = read_proto_tensor(path);
    const bool bits = i < declared.size() && declared[i].type == DataType::kBfloat16 &&
                      tensor.type == DataType::kUint16;
    if (bits) tensor.type = DataType::kBfloat16;
    tensors.push_back(std::move(tensor));
  }
}

std::vector<fs::path> backend_sets(const fs::path& test) {
  return subfolders(test, "test_data_set_");
}

double backend_tolerance(const fs::path& test) {
  const bool cut_off = std::ranges::find(kCutOff, test.filename().string()) != kCutOff.end();
  return cut_off ? kBfloat16Unit : kRelative;
}

}  // namespace qc::test
