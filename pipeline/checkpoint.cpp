#include "pipeline/checkpoint.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <utility>

#include "core/error.h"
#include "pipeline/hashed_file.h"
#include "system/file.h"

namespace qc {
namespace {

using nlohmann::json;

constexpr std::string_view kKind = "checkpoint";
constexpr std::string_view kMagic = "qcompress checkpoint 2\n";

// Names of tensors need not be text, and JSON has no NaN.
std::string dump(const json& document) {
  return document.dump(-1, ' ', /*ensure_ascii=*/true, json::error_handler_t::replace);
}

double number(const json& value) {
  return value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>();
}

json to_json(const Score& score) {
  json document = {{"metric", score.metric},
                   {"value", score.value},
                   {"unit", static_cast<int>(score.unit)},
                   {"unit_name", score.unit_name},
                   {"higher_is_better", score.higher_is_better},
                   {"basis", static_cast<int>(score.basis)}};
  if (score.details) {
    const Metrics& details = *score.details;
    document["details"] = {details.samples, details.loss, details.top1, details.top5};
  }
  return document;
}

Score score_of(const json& document) {
  Score score{.metric = document.at("metric"), .value = number(document.at("value"))};
  score.unit = static_cast<Unit>(std::clamp(document.at("unit").get<int>(), 0, 2));
  score.unit_name = document.at("unit_name");
  score.higher_is_better = document.at("higher_is_better");
  score.basis = static_cast<Basis>(std::clamp(document.at("basis").get<int>(), 0, 2));
  if (document.contains("details")) {
    const json& details = document["details"];
    score.details = {details.at(0).get<std::uint64_t>(), number(details.at(1)),
                     number(details.at(2)), number(details.at(3))};
  }
  return score;
}

json to_json(const ChannelsReport& channels) {
  json document = {{"counts",
                    {channels.weights_before, channels.weights_after,
                     channels.multiplications_before, channels.multiplications_after}},
                   {"groups", json::array()}};
  for (const ChannelReport& group : channels.groups) {
    document["groups"].push_back({group.weights, group.tied, group.before, group.after});
  }
  return document;
}

json to_json(const PassReport& report) {
  json document = {{"notes", report.notes},
                   {"seed", report.seed},
                   {"seeded", report.seeded},
                   {"changed", json::array()},
                   {"skipped", json::array()}};
  for (const TensorReport& tensor : report.changed) {
    document["changed"].push_back({tensor.name, tensor.op, tensor.dims, tensor.count,
                                   tensor.nonzero_before, tensor.nonzero_after,
                                   tensor.distinct_after, tensor.rmse, tensor.max_error,
                                   tensor.iterations, tensor.threshold});
  }
  for (const SkippedTensor& tensor : report.skipped) {
    document["skipped"].push_back({tensor.name, tensor.count, tensor.reason});
  }
  if (report.channels) document["channels"] = to_json(*report.channels);
  return document;
}

ChannelsReport channels_report_of(const json& document) {
  const json& counts = document.at("counts");
  ChannelsReport channels{{}, counts.at(0), counts.at(1), counts.at(2), counts.at(3)};
  for (const json& group : document.at("groups")) {
    channels.groups.push_back({group.at(0), group.at(1), group.at(2), group.at(3)});
  }
  return channels;
}

PassReport pass_report_of(const json& document) {
  PassReport report;
  report.notes = document.at("notes").get<std::vector<std::string>>();
  report.seed = document.at("seed");
  report.seeded = document.at("seeded");
  for (const json& tensor : document.at("changed")) {
    report.changed.push_back({.name = tensor.at(0),
                              .op = tensor.at(1),
                              .dims = tensor.at(2).get<std::vector<std::int64_t>>(),
                              .count = tensor.at(3),
                              .nonzero_before = tensor.at(4),
                              .nonzero_after = tensor.at(5),
                              .distinct_after = tensor.at(6),
                              .rmse = number(tensor.at(7)),
                              .max_error = number(tensor.at(8)),
                              .iterations = tensor.at(9),
                              .threshold = number(tensor.at(10))});
  }
  for (const json& tensor : document.at("skipped")) {
    report.skipped.push_back({tensor.at(0), tensor.at(1), tensor.at(2)});
  }
  if (document.contains("channels")) report.channels = channels_report_of(document["channels"]);
  return report;
}

json to_json(const StepReport& step) {
  json document = {{"name", step.name},
                   {"index", step.index},
                   {"repetition", step.repetition},
                   {"repetitions", step.repetitions},
                   {"epochs", step.epochs},
                   {"weights", step.weights},
                   {"nonzero", step.nonzero},
                   {"packed_bytes", step.packed_bytes},
                   {"gated", step.gated},
                   {"kept", step.kept},
                   {"seconds", step.seconds},
                   {"violations", json::array()}};
  if (step.pass) document["pass"] = to_json(*step.pass);
  if (step.validation) document["validation"] = to_json(*step.validation);
  for (const Violation& violation : step.violations) {
    document["violations"].push_back({violation.tensor, violation.revived, violation.split});
  }
  return document;
}

StepReport step_report_of(const json& document) {
  StepReport step{.name = document.at("name"),
                  .index = document.at("index"),
                  .repetition = document.at("repetition"),
                  .repetitions = document.at("repetitions"),
                  .epochs = document.at("epochs"),
                  .weights = document.at("weights"),
                  .nonzero = document.at("nonzero"),
                  .packed_bytes = document.at("packed_bytes"),
                  .gated = document.at("gated"),
                  .kept = document.at("kept"),
                  .seconds = number(document.at("seconds"))};
  if (document.contains("pass")) step.pass = pass_report_of(document["pass"]);
  if (document.contains("validation")) step.validation = score_of(document["validation"]);
  for (const json& violation : document.at("violations")) {
    step.violations.push_back({violation.at(0), violation.at(1), violation.at(2)});
  }
  return step;
}

json to_json(const PipelineReport& report) {
  json document = {{"original_bytes", report.original_bytes}, {"steps", json::array()}};
  if (report.validation_before) document["validation_before"] = to_json(*report.validation_before);
  for (const StepReport& step : report.steps) document["steps"].push_back(to_json(step));
  return document;
}

PipelineReport report_of(const json& document) {
  PipelineReport report;
  report.original_bytes = document.at("original_bytes");
  if (document.contains("validation_before")) {
    report.validation_before = score_of(document["validation_before"]);
  }
  for (const json& step : document.at("steps")) report.steps.push_back(step_report_of(step));
  return report;
}

// What differs is told by name; the values are texts of any length.
json to_json(const CheckpointIdentity& identity) {
  json document = json::object();
  for (const auto& [name, value] : identity) document[name] = dump(value);
  return document;
}

void require_same(const json& found, const CheckpointIdentity& wanted) {
  std::vector<std::string> differing;
  for (const auto& [name, value] : wanted) {
    if (!found.contains(name) || found[name] != dump(value)) differing.push_back(name);
  }
  if (differing.empty() && found.size() == wanted.size()) return;
  throw Error(ErrorCode::kUsage,
              fmt::format("is of another {}; resume with what was interrupted, or start anew "
                          "without --resume and with -f",
                          differing.empty() ? "command"
                                            : fmt::format("{}", fmt::join(differing, " and "))));
}

// A model that several parts of the state may share is stored once.
class Models {
 public:
  /// The model's number; nothing where it is the input.
  std::optional<std::size_t> add(const std::shared_ptr<const OnnxModel>& model) {
    if (model == nullptr) return std::nullopt;
    const auto found = std::ranges::find(models_, model);
    if (found == models_.end()) models_.push_back(model);
    return std::ranges::find(models_, model) - models_.begin();
  }

  const std::vector<std::shared_ptr<const OnnxModel>>& all() const noexcept { return models_; }

 private:
  std::vector<std::shared_ptr<const OnnxModel>> models_;
};

json reference(std::optional<std::size_t> number) { return number ? json(*number) : json(); }

Checkpoint parse(ByteView bytes, const CheckpointIdentity& identity, const OnnxModel& input) {
  ByteReader reader(hashed_content(bytes, kMagic, kKind));
  const json document = json::parse(as_text(reader.take(reader.le<std::uint64_t>())));
  require_same(document.at("identity"), identity);

  std::vector<std::shared_ptr<const OnnxModel>> models;
  for (const json& sizes : document.at("models")) {
    std::vector<Bytes> contents;
    for (const json& size : sizes) {
      const ByteView content = reader.take(size.get<std::uint64_t>());
      contents.emplace_back(content.begin(), content.end());
    }
    models.push_back(std::make_shared<const OnnxModel>(input.with_contents(std::move(contents))));
  }
  const auto model = [&](const json& reference) -> std::shared_ptr<const OnnxModel> {
    return reference.is_null() ? nullptr : models.at(reference.get<std::size_t>());
  };
  Checkpoint checkpoint{.identity = identity, .state = {}};
  checkpoint.outputs = document.at("outputs").get<std::vector<std::string>>();
  PipelineState& state = checkpoint.state;
  state.step = document.at("step");
  state.repetition = document.at("repetition");
  state.tunings = document.at("tunings");
  state.seconds = number(document.at("seconds"));
  state.model = model(document.at("model"));
  state.step_input = model(document.at("step_input"));
  state.baseline = model(document.at("baseline"));
  state.report = report_of(document.at("report"));
  const ByteView training = reader.take(document.at("training").get<std::uint64_t>());
  state.training.assign(training.begin(), training.end());
  const ByteView search = reader.take(document.at("search").get<std::uint64_t>());
  checkpoint.search.assign(search.begin(), search.end());
  if (!reader.ok() || !reader.rest().empty()) {
    throw Error(ErrorCode::kCorrupt, "cannot be understood");
  }
  return checkpoint;
}

}  // namespace

void write_checkpoint(const std::filesystem::path& path, const Checkpoint& checkpoint) {
  const PipelineState& state = checkpoint.state;
  Models models;
  json document = {{"identity", to_json(checkpoint.identity)},
                   {"outputs", checkpoint.outputs},
                   {"step", state.step},
                   {"repetition", state.repetition},
                   {"tunings", state.tunings},
                   {"seconds", state.seconds},
                   {"model", reference(models.add(state.model))},
                   {"step_input", reference(models.add(state.step_input))},
                   {"baseline", reference(models.add(state.baseline))},
                   {"report", to_json(state.report)},
                   {"training", state.training.size()},
                   {"search", checkpoint.search.size()},
                   {"models", json::array()}};
  for (const auto& model : models.all()) {
    json sizes = json::array();
    for (const ModelFile& file : model->files()) sizes.push_back(file.bytes.size());
    document["models"].push_back(std::move(sizes));
  }
  const std::string text = dump(document);
  HashedFile file(path, kMagic, Overwrite::kReplace);
  file.write_text(text);
  for (const auto& model : models.all()) {
    for (const ModelFile& part : model->files()) {
      part.bytes.each(0, part.bytes.size(), [&](ByteView piece) { file.write(piece); });
    }
  }
  file.write(state.training);
  file.write(checkpoint.search);
  file.commit();
}

Checkpoint read_checkpoint(const std::filesystem::path& path, const CheckpointIdentity& identity,
                           const OnnxModel& input) {
  const MappedFile file(path);
  const auto named = [&](ErrorCode code, std::string_view what) {
    return Error(code, fmt::format("checkpoint {} {}", path.string(), what));
  };
  try {
    return parse(file.bytes(), identity, input);
  } catch (const Error& error) {
    throw named(error.code(), error.what());
  } catch (const json::exception&) {
    throw named(ErrorCode::kCorrupt, "cannot be understood");
  } catch (const std::out_of_range&) {
    throw named(ErrorCode::kCorrupt, "cannot be understood");
  }
}

}  // namespace qc
