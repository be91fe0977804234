// Every model of the folder of test data, made low-bit without data: converted or refused by name,
// and packed exactly, in the bits of the form.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/float_types.h"
#include "formats/packed/pack_model.h"
#include "formats/qc/read/qc_reader.h"
#include "harness.h"
#include "passes/pass.h"
#include "report/breakdown.h"

namespace qc {
namespace {

struct Method {
  std::string name;
  const Pass* pass;
  std::vector<std::pair<std::string, std::string>> flags;
  double bits;  // that a weight may take
};

const std::vector<Method> kMethods = {
    {"Ternary", &kTernarizePass, {}, 1.6},
    {"FiveLevels", &kTernarizePass, {{"levels", "5"}, {"scale", "channel"}}, 3},
    {"Binary", &kBinarizePass, {{"activations", "sign"}, {"scale", "none"}}, 1},
    {"Xnor", &kBinarizePass, {{"xnor", "true"}}, 1},
    {"Dorefa", &kDorefaPass, {{"wbits", "2"}, {"abits", "3"}, {"gbits", "6"}}, 2},
};

std::ostream& operator<<(std::ostream& out, const Method& method) { return out << method.name; }

// Bytes beyond the bits of the weights: the heads of units, and a float for every scale.
std::uint64_t allowance(const TensorInfo& tensor) {
  constexpr std::uint64_t kHead = 100;
  const std::uint64_t channels = channel_map(tensor.dims, tensor.channel_axis).count;
  return kHead + channels * data_type_bits(tensor.type) / 8;
}

struct Tally {
  int converted = 0;
  int refused = 0;
  std::uint64_t weights = 0;
  std::uint64_t stored = 0;
};

void expect_bounds(const QcReader& reader, const std::set<std::string>& changed,
                   const Method& method, Tally& tally) {
  for (const TensorBreakdown& line : break_down(reader, 1).tensors) {
    if (line.placement != Placement::kOwn || !changed.contains(line.tensor.name)) continue;
    const std::uint64_t count = line.tensor.count();
    EXPECT_LE(
        static_cast<double>(line.stored_bytes),
        static_cast<double>(count) * method.bits / 8 + static_cast<double>(allowance(line.tensor)))
        << line.tensor.name << " of " << shape_text(line.tensor.dims) << " as " << line.layout;
    tally.weights += count;
    tally.stored += line.stored_bytes;
  }
}

// Forms of what was converted hold, and the container gives it back.
void expect_packed(const OnnxModel& model, const Method& method, const Params& params,
                   const PassResult& result, const OnnxModel& converted, Tally& tally) {
  for (const FormedTensor& formed : method.pass->forms(result.base(model), params)) {
    const TensorInfo& tensor = converted.tensors()[formed.tensor];
    EXPECT_TRUE(has_form(formed.form, load_floats(tensor.type, converted.payload(tensor)),
                         channel_map(tensor.dims, tensor.channel_axis), tensor.type))
        << tensor.name;
  }
  PackOptions options;
  options.threads = 1;
  MemorySink sink;
  pack_model(converted, options, sink);
  const Bytes container = sink.take();
  const QcReader reader = QcReader::from_bytes(container);
  const auto files = reader.decode_to_memory(1);
  ASSERT_EQ(files.size(), converted.files().size());
  for (std::size_t i = 0; i < files.size(); ++i) {
    EXPECT_TRUE(files[i].second == converted.files()[i].bytes.joined());
  }
  std::set<std::string> changed;
  for (const TensorReport& tensor : result.report.changed) changed.insert(tensor.name);
  expect_bounds(reader, changed, method, tally);
}

class LowBitSharedModels : public testing::TestWithParam<Method> {};

TEST_P(LowBitSharedModels, AreConvertedOrRefused) {
  const auto shared = harness::shared_dir();
  if (!shared) GTEST_SKIP() << "no folder of test data: set QC_SHARED, or put it at ../shared";
  const Method& method = GetParam();
  Params params(method.pass->params);
  for (const auto& [name, value] : method.flags) params.set(name, value);
  Tally tally;
  for (const std::string& file : harness::list_models(*shared / "models")) {
    SCOPED_TRACE(file);
    try {
      const OnnxModel model = OnnxModel::open(*shared / "models" / file);
      const PassResult result = apply_pass(*method.pass, model, params, {.threads = 1});
      expect_packed(model, method, params, result, result.model(model), tally);
      ++tally.converted;
    } catch (const Error& error) {
      const std::set<ErrorCode> expected = {ErrorCode::kFile, ErrorCode::kUsage,
                                            ErrorCode::kUnsupported};
      EXPECT_TRUE(expected.contains(error.code())) << error.what();
      fmt::print("{}: refused: {}\n", file, error.what());
      ++tally.refused;
    }
  }
  fmt::print("{} converted, {} refused; {} weights in {} bytes, {:.3f} bits each\n",
             tally.converted, tally.refused, tally.weights, tally.stored,
             8 * static_cast<double>(tally.stored) / static_cast<double>(tally.weights));
  EXPECT_GT(tally.converted, 40);
}

INSTANTIATE_TEST_SUITE_P(Methods, LowBitSharedModels, testing::ValuesIn(kMethods),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace qc
