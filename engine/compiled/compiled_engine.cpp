#include "engine/compiled/compiled_engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "core/error.h"
#include "core/tensor.h"
#include "emit/c/operators.h"
#include "engine/compiled/program_library.h"
#include "engine/compiled/top_scores.h"
#include "graph/final_softmax.h"

namespace qc {
namespace {

class CompiledNetwork final : public Network {
 public:
  CompiledNetwork(const LoadedModel& model, const c::PlanOptions& options)
      : graph_(model.graph), plan_(c::make_plan(model, options)), library_(plan_) {}

  std::vector<HostTensor> run(std::span<const HostTensor> inputs) override;
  Metrics evaluate(const Dataset& data, std::size_t batch,
                   const std::function<void(std::uint64_t)>& progress) override;

  TrainResult train(const TrainJob& /*job*/) override { cannot("be trained"); }
  void calibrate(const CalibrationJob& /*job*/) override { cannot("be calibrated"); }
  std::vector<TensorSensitivity> sensitivity(const SensitivityJob& /*job*/) override {
    cannot("tell its sensitivity");
  }

 private:
  [[noreturn]] static void cannot(std::string_view what) {
    throw Error(ErrorCode::kUnsupported, fmt::format("a program in C cannot {}", what));
  }
  const c::Value& input(std::size_t i) const { return plan_.values[plan_.inputs[i]]; }
  const c::Value& output(std::size_t i) const { return plan_.values[plan_.outputs[i]]; }
  /// How many samples a run takes. Throws Error where these or their classes do not fit.
  std::size_t samples_a_run(const Dataset& data) const;

  std::shared_ptr<const ModelGraph> graph_;
  c::Plan plan_;
  ProgramLibrary library_;
};

std::vector<HostTensor> CompiledNetwork::run(std::span<const HostTensor> inputs) {
  if (inputs.size() != plan_.inputs.size()) {
    throw Error(ErrorCode::kUsage, fmt::format("the program takes {} inputs, a sample has {}",
                                               plan_.inputs.size(), inputs.size()));
  }
  std::vector<HostTensor> in_c;
  std::vector<const void*> read;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    in_c.push_back(c::as_float32(inputs[i]));
    if (in_c.back().dims != input(i).shape || in_c.back().type != input(i).type) {
      throw Error(ErrorCode::kUsage,
                  fmt::format("the program takes {} of {} only, a sample has {}", input(i).name,
                              shape_text(input(i).shape), shape_text(inputs[i].dims)));
    }
    read.push_back(in_c.back().bytes.data());
  }
  std::vector<HostTensor> outputs;
  std::vector<void*> written;
  for (std::size_t i = 0; i < plan_.outputs.size(); ++i) {
    const c::Value& value = output(i);
    outputs.push_back(
        {value.type, value.shape, Bytes(c::count_of(value.shape) * c::element_bytes(value.type))});
    written.push_back(outputs.back().bytes.data());
  }
  library_.run(read, written);
  return outputs;
}

std::size_t CompiledNetwork::samples_a_run(const Dataset& data) const {
  if (plan_.inputs.size() != 1 || plan_.outputs.empty() || input(0).type != DataType::kFloat ||
      output(0).type != DataType::kFloat) {
    throw Error(ErrorCode::kUnsupported,
                fmt::format("evaluation needs a classifier with one input of floats; this model "
                            "has {} inputs and {} outputs",
                            plan_.inputs.size(), plan_.outputs.size()));
  }
  const std::uint64_t elements = c::count_of(data.sample_shape());
  const std::uint64_t taken = c::count_of(input(0).shape);
  if (elements == 0 || taken == 0 || taken % elements != 0) {
    throw Error(
        ErrorCode::kUsage,
        fmt::format("the program's input {} takes {}, the data has samples of {}", input(0).name,
                    shape_text(input(0).shape), shape_text(data.sample_shape())));
  }
  const std::uint64_t samples = taken / elements;
  const std::uint64_t scores = c::count_of(output(0).shape) / samples;
  if (scores < static_cast<std::uint64_t>(data.classes())) {
    throw Error(ErrorCode::kUsage, fmt::format("the model scores {} classes, the data has {}",
                                               scores, data.classes()));
  }
  return samples;
}

Metrics CompiledNetwork::evaluate(const Dataset& data, std::size_t /*batch*/,
                                  const std::function<void(std::uint64_t)>& progress) {
  const std::size_t batch = samples_a_run(data);
  std::vector<float> scores(c::count_of(output(0).shape));
  const std::size_t classes = scores.size() / batch;
  const std::size_t elements = c::count_of(input(0).shape);
  TopScores sums(final_softmax(graph_->main) != nullptr);
  BatchStream stream(data, in_order(data.size()), batch);
  Batch samples;
  while (stream.next(samples)) {
    samples.inputs.resize(elements);  // the last batch may be short
    HostTensor given{DataType::kFloat, input(0).shape, Bytes(elements * sizeof(float))};
    std::memcpy(given.bytes.data(), samples.inputs.data(), given.bytes.size());
    const std::vector<HostTensor> results = run(std::span(&given, 1));
    std::memcpy(scores.data(), results.front().bytes.data(), results.front().bytes.size());
    for (std::size_t i = 0; i < samples.labels.size(); ++i) {
      sums.add(std::span(scores).subspan(i * classes, classes), samples.labels[i]);
    }
    if (progress) progress(samples.labels.size());
  }
  return sums.metrics();
}

class CompiledEngine final : public Engine {
 public:
  explicit CompiledEngine(c::PlanOptions options) : options_(std::move(options)) {}

  std::string description() const override { return "programs in C"; }
  std::unique_ptr<Network> load(LoadedModel model) override {
    return std::make_unique<CompiledNetwork>(model, options_);
  }
  bool supports(const std::string& domain, const std::string& op,
                std::int64_t opset) const override {
    return std::ranges::any_of(c::operator_rows(), [&](const c::OperatorRow& row) {
      return row.name == op && row.domain == domain &&
             (!domain.empty() || row.first_opset <= opset);
    });
  }

 private:
  c::PlanOptions options_;
};

}  // namespace

std::unique_ptr<Engine> compiled_engine(c::PlanOptions options) {
  return std::make_unique<CompiledEngine>(std::move(options));
}

}  // namespace qc
