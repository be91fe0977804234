#include "pipeline/hooks.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <vector>

#include "core/error.h"
#include "core/float_types.h"
#include "pipeline/npz_writer.h"
#include "system/process.h"

namespace qc {
namespace {

namespace fs = std::filesystem;

// A kind of command with its placeholders, whose values are in QCOMPRESS_NAME too.
struct HookKind {
  std::string_view name;
  std::vector<std::string> placeholders;
};

const HookKind& evaluation() {
  static const HookKind kKind{"evaluation", {"model", "step"}};
  return kKind;
}

const HookKind& fine_tuning() {
  static const HookKind kKind{"fine-tuning", {"model", "out", "masks", "step"}};
  return kKind;
}

std::string variable_of(const std::string& placeholder) {
  std::string name = "QCOMPRESS_";
  for (const char c : placeholder) name += static_cast<char>(c - 'a' + 'A');
  return name;
}

using Values = std::map<std::string, std::string>;

// The text with `replace` of every placeholder's name in its place.
template <typename Replace>
std::string expand(std::string_view text, const Replace& replace) {
  std::string result;
  while (true) {
    const std::size_t open = text.find('{');
    result += text.substr(0, open);
    if (open == std::string_view::npos) return result;
    text.remove_prefix(open);
    const std::size_t braces = text.starts_with("{{") ? 2 : 1;
    std::size_t end = braces;
    while (end < text.size() && text[end] >= 'a' && text[end] <= 'z') ++end;
    const bool closed = end > braces && text.substr(end).starts_with(braces == 2 ? "}}" : "}");
    if (!closed) {
      result += '{';
      text.remove_prefix(1);
      continue;
    }
    const std::string name(text.substr(braces, end - braces));
    result += braces == 2 ? fmt::format("{{{}}}", name) : replace(name);
    text.remove_prefix(end + braces);
  }
}

void check_command(const HookKind& kind, const std::string& command) {
  bool writes_output = command.find("QCOMPRESS_OUT") != std::string::npos;
  expand(command, [&](const std::string& name) {
    if (std::ranges::find(kind.placeholders, name) == kind.placeholders.end()) {
      throw Error(ErrorCode::kUsage,
                  fmt::format("{{{}}} in the {} command is not known; there are {{{}}}; write "
                              "{{{{{}}}}} for the text itself",
                              name, kind.name, fmt::join(kind.placeholders, "} {"), name));
    }
    if (name == "out") writes_output = true;
    return std::string();
  });
  if (&kind == &fine_tuning() && !writes_output) {
    throw Error(ErrorCode::kUsage,
                fmt::format("the fine-tuning command does not say where to write the model; give "
                            "it {{out}}, or use $QCOMPRESS_OUT in it: {}",
                            command));
  }
}

void require_command(const HookKind& kind, const std::string& command) {
  if (!command.empty()) return;
  throw Error(ErrorCode::kUsage, fmt::format("there is no {} command", kind.name));
}

// A private folder, removed with everything in it at the end, before a signal ends the process too.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::error_code error;
    const fs::path parent = fs::temp_directory_path(error);
    if (error) fail(parent, error.message());
    std::string pattern = (fs::absolute(parent) / "qcompress.XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) fail(parent, std::strerror(errno));
    path_ = pattern;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const fs::path& path() const noexcept { return path_; }

 private:
  [[noreturn]] static void fail(const fs::path& parent, const std::string& reason) {
    throw Error(ErrorCode::kFile,
                fmt::format("cannot make a temporary folder in {}: {}; set TMPDIR to another one",
                            parent.empty() ? "TMPDIR" : parent.string(), reason));
  }

  DeferredEnd deferred_;
  fs::path path_;
};

// The model's files as they are, with its own name so that it fits those of its external data.
fs::path write_model(const OnnxModel& model, const fs::path& folder) {
  std::error_code ignored;  // the model cannot be written then
  fs::create_directory(folder, ignored);
  fs::path path = folder / model.files().front().relative.filename();
  model.write(path, {}, Overwrite::kRefuse);
  return path;
}

std::string describe_end(const ProcessResult& result, std::chrono::seconds timeout) {
  if (result.timed_out) {
    return fmt::format("took longer than the time-out of {} s and was ended", timeout.count());
  }
  if (result.signal != 0) {
    return fmt::format("was ended by signal {} ({})", result.signal, ::strsignal(result.signal));
  }
  return fmt::format("failed with exit status {}", result.exit_status);
}

// Ends a step because of its command. Output that was shown as it came is not shown again.
[[noreturn]] void fail(const HookKind& kind, const HookOptions& options, const std::string& command,
                       const std::string& what, const std::string& last_lines) {
  std::string lines = "it printed nothing";
  if (!last_lines.empty() && options.show_output) {
    lines = "its output is above";
  } else if (!last_lines.empty()) {
    lines = "its last lines:\n  ";
    for (const char c : last_lines) {
      lines += c;
      if (c == '\n') lines += "  ";
    }
  }
  throw Error(ErrorCode::kFile,
              fmt::format("the {} command {}: {}\n{}", kind.name, what, command, lines));
}

ProcessOptions make_process(const HookOptions& options, const std::string& command,
                            const Values& values) {
  ProcessOptions process;
  process.command =
      expand(command, [&](const std::string& name) { return shell_quote(values.at(name)); });
  for (const auto& [name, value] : values) process.environment[variable_of(name)] = value;
  process.timeout = options.timeout;
  process.show_output = options.show_output;
  return process;
}

// What an evaluation command prints.
struct PrintedScore {
  std::string metric;
  double value = 0;
  std::optional<bool> higher_is_better = {};
  std::optional<std::string> unit = {};
};

// Finds the score among the lines of an output.
class ScoreLines {
 public:
  void add(std::string_view line) {
    constexpr std::string_view kBlanks = " \t\r";
    line.remove_prefix(std::min(line.find_first_not_of(kBlanks), line.size()));
    line.remove_suffix(line.size() - (line.find_last_not_of(kBlanks) + 1));
    if (!line.starts_with('{') || !line.ends_with('}')) return;
    if (!has(line, "\"metric\"") || !has(line, "\"value\"")) return;
    const auto json = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!json.is_discarded() && !(json.contains("metric") && json.contains("value"))) return;
    last_ = line;
    score_ = json.is_discarded() ? std::nullopt : score_of(json);
  }

  const std::optional<PrintedScore>& score() const noexcept { return score_; }
  /// The last line that should have been a score; empty when there was none.
  const std::string& last() const noexcept { return last_; }

 private:
  static bool has(std::string_view line, std::string_view text) {
    return line.find(text) != std::string_view::npos;
  }

  static std::optional<PrintedScore> score_of(const nlohmann::json& json) {
    if (!json["metric"].is_string() || !json["value"].is_number()) return std::nullopt;
    PrintedScore score{.metric = json["metric"], .value = json["value"].get<double>()};
    if (!std::isfinite(score.value)) return std::nullopt;
    if (json.contains("higher_is_better")) {
      if (!json["higher_is_better"].is_boolean()) return std::nullopt;
      score.higher_is_better = json["higher_is_better"].get<bool>();
    }
    if (json.contains("unit")) {
      if (!json["unit"].is_string()) return std::nullopt;
      score.unit = json["unit"].get<std::string>();
    }
    return score;
  }

  std::optional<PrintedScore> score_;
  std::string last_;
};

}  // namespace

void check_hook_options(const HookOptions& options) {
  if (!options.eval_command.empty()) check_command(evaluation(), options.eval_command);
  if (!options.finetune_command.empty()) check_command(fine_tuning(), options.finetune_command);
  if (options.timeout.count() < 0) {
    throw Error(ErrorCode::kUsage, "the time-out of commands is negative; 0 means none");
  }
}

HookEvaluator::HookEvaluator(HookOptions options) : options_(std::move(options)) {
  check_hook_options(options_);
  require_command(evaluation(), options_.eval_command);
}

Score HookEvaluator::evaluate(const OnnxModel& model) {
  return scores_.score_of(model, "", [&] { return run(model); });
}

Score HookEvaluator::run(const OnnxModel& model) {
  const TemporaryFolder folder;
  const Values values = {{"model", write_model(model, folder.path()).string()},
                         {"step", std::to_string(++calls_)}};
  ProcessOptions process = make_process(options_, options_.eval_command, values);
  ScoreLines lines;
  process.on_line = [&](std::string_view line) { lines.add(line); };
  const ProcessResult result = run_process(process);
  const auto refuse = [&](const std::string& what) {
    fail(evaluation(), options_, options_.eval_command, what, result.last_lines);
  };
  if (!result.succeeded()) refuse(describe_end(result, options_.timeout));
  if (!lines.score()) {
    refuse(lines.last().empty()
               ? R"(printed no line like {"metric": "top1", "value": 0.99})"
               : fmt::format("printed {}, where \"metric\" and \"unit\" must be strings, "
                             "\"value\" a finite number and \"higher_is_better\" true or false",
                             lines.last()));
  }
  const PrintedScore& printed = *lines.score();
  Score score = make_score(printed.metric, printed.value, printed.higher_is_better, printed.unit);
  if (!first_) first_ = score;
  if (score.metric != first_->metric) {
    refuse(fmt::format("printed the metric {} after {}; only one can be compared", score.metric,
                       first_->metric));
  }
  if (!printed.higher_is_better) score.higher_is_better = first_->higher_is_better;
  if (!printed.unit) {
    score.unit = first_->unit;
    score.unit_name = first_->unit_name;
  }
  return score;
}

namespace {

NpzArray make_mask(const TensorInfo& tensor, const Constraint& constraint) {
  NpzArray array{tensor.name, "|b1", tensor.dims, {}};
  const bool wide = constraint.shared &&
                    std::ranges::any_of(constraint.groups, [](auto group) { return group > 255; });
  if (constraint.shared) array.descr = wide ? "<u4" : "|u1";
  array.elements.reserve(constraint.groups.size() * (wide ? 4 : 1));
  for (const std::uint32_t group : constraint.groups) {
    if (wide) {
      append_le(array.elements, group);
    } else {
      array.elements.push_back(static_cast<std::uint8_t>(constraint.shared ? group : group != 0));
    }
  }
  return array;
}

void write_masks(const OnnxModel& model, std::span<const Constraint> constraints,
                 const fs::path& path) {
  std::vector<NpzArray> arrays;
  for (const Constraint& constraint : constraints) {
    if (constraint.groups.empty()) continue;
    arrays.push_back(make_mask(model.tensors()[constraint.tensor], constraint));
  }
  write_npz(path, arrays);
}

bool all_finite(DataType type, ByteView payload) {
  if (type == DataType::kDouble) {
    for (std::size_t i = 0; i < payload.size(); i += sizeof(double)) {
      if (!std::isfinite(load_le<double>(payload.data() + i))) return false;
    }
    return true;
  }
  return std::ranges::all_of(load_floats(type, payload), [](float v) { return std::isfinite(v); });
}

std::string shape_of(const TensorInfo& tensor) {
  return fmt::format("{} {}", data_type_name(tensor.type), shape_text(tensor.dims));
}

OnnxModel open_output(const fs::path& path) {
  try {
    return OnnxModel::open(path);
  } catch (const Error& error) {
    const ErrorCode code = error.code() == ErrorCode::kUsage ? ErrorCode::kCorrupt : error.code();
    throw Error(code, fmt::format("what the fine-tuning command wrote is no model to be read: {}",
                                  error.what()));
  }
}

constexpr std::size_t kMaxNames = 8;

// The payloads in `tuned` that differ from those of `model`.
PayloadEdits changed_values(const OnnxModel& model, const OnnxModel& tuned) {
  std::unordered_map<std::string_view, const TensorInfo*> by_name;
  for (const TensorInfo& tensor : tuned.tensors()) by_name.emplace(tensor.name, &tensor);
  PayloadEdits edits;
  std::vector<std::string> missing;
  for (std::size_t i = 0; i < model.tensors().size(); ++i) {
    const TensorInfo& before = model.tensors()[i];
    if (!before.has_values()) continue;
    const auto found = by_name.find(before.name);
    if (found == by_name.end()) {
      missing.push_back(before.name);
      continue;
    }
    const TensorInfo& after = *found->second;
    if (after.type != before.type || after.dims != before.dims) {
      throw Error(ErrorCode::kCorrupt,
                  fmt::format("the fine-tuning command wrote tensor {} as {}; it must stay {}",
                              before.name, shape_of(after), shape_of(before)));
    }
    if (!after.has_values()) {
      throw Error(ErrorCode::kUnsupported,
                  fmt::format("the fine-tuning command wrote tensor {} in a form that is not taken "
                              "over; write its elements as raw_data "
                              "(onnx.numpy_helper.from_array)",
                              before.name));
    }
    const ByteView values = tuned.payload(after);
    if (std::ranges::equal(values, model.payload(before))) continue;
    if (!all_finite(after.type, values)) {
      throw Error(ErrorCode::kCorrupt,
                  fmt::format("the fine-tuning command wrote NaN or infinity into tensor {}; a "
                              "lower learning rate may help",
                              before.name));
    }
    edits.emplace(i, Bytes(values.begin(), values.end()));
  }
  if (!missing.empty()) {
    const std::size_t more = missing.size() - std::min(missing.size(), kMaxNames);
    missing.resize(missing.size() - more);
    throw Error(
        ErrorCode::kCorrupt,
        fmt::format("the model that the fine-tuning command wrote lacks tensors: {}{}; keep "
                    "the names of the model that it reads",
                    fmt::join(missing, ", "), more > 0 ? fmt::format(" and {} more", more) : ""));
  }
  return edits;
}

}  // namespace

HookTuner::HookTuner(HookOptions options) : options_(std::move(options)) {
  check_hook_options(options_);
  require_command(fine_tuning(), options_.finetune_command);
}

TuneOutcome HookTuner::tune(const OnnxModel& model, const TuneRequest& request) {
  TuneOutcome outcome;
  outcome.interrupted = options_.stop_requested && options_.stop_requested();
  if (outcome.interrupted) return outcome;

  const TemporaryFolder folder;
  // The output goes beside the model: a hook that copies the graph leaves external data where it
  // is.
  const fs::path in = write_model(model, folder.path() / "model");
  const fs::path out = in.parent_path() / ("tuned_" + in.filename().string());
  const fs::path masks = folder.path() / "masks.npz";
  write_masks(model, request.constraints, masks);
  const Values values = {{"model", in.string()},
                         {"out", out.string()},
                         {"masks", masks.string()},
                         {"step", std::to_string(request.step)}};
  ProcessOptions process = make_process(options_, options_.finetune_command, values);
  process.stop_requested = options_.stop_requested;
  const ProcessResult result = run_process(process);

  std::error_code ignored;
  const bool written = fs::exists(out, ignored);
  if (result.stopped) {
    outcome.interrupted = true;
    try {
      if (written) outcome.values = changed_values(model, open_output(out));
    } catch (const Error&) {
      // It was not given the time to write a whole model.
    }
    return outcome;
  }
  if (!result.succeeded()) {
    fail(fine_tuning(), options_, options_.finetune_command, describe_end(result, options_.timeout),
         result.last_lines);
  }
  if (!written) {
    fail(fine_tuning(), options_, options_.finetune_command, "did not write {out}",
         result.last_lines);
  }
  outcome.values = changed_values(model, open_output(out));
  return outcome;
}

}  // namespace qc
