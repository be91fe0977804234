#include "pipeline/hooks.h"

#include <fmt/format.h>

#include <cstring>
#include <filesystem>
#include <system_error>

#include "core/error.h"
#include "pipeline/handover.h"
#include "pipeline/placeholders.h"
#include "pipeline/score_lines.h"
#include "pipeline/tuned_values.h"
#include "system/process.h"
#include "system/temporary_folder.h"

namespace qc {
namespace {

namespace fs = std::filesystem;

void require_command(const CommandKind& kind, const std::string& command) {
  if (!command.empty()) return;
  throw Error(ErrorCode::kUsage, fmt::format("there is no {} command", kind.name));
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
[[noreturn]] void fail(const CommandKind& kind, const HookOptions& options,
                       const std::string& command, const std::string& what,
                       const std::string& last_lines) {
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
                            const PlaceholderValues& values) {
  ProcessOptions process;
  process.command = with_values(command, values);
  process.environment = environment_of(values);
  process.timeout = options.timeout;
  process.show_output = options.show_output;
  return process;
}

}  // namespace

void check_hook_options(const HookOptions& options) {
  if (!options.eval_command.empty()) check_placeholders(evaluation(), options.eval_command);
  if (!options.finetune_command.empty()) {
    check_placeholders(fine_tuning(), options.finetune_command);
  }
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
  const PlaceholderValues values = {{"model", write_model(model, folder.path()).string()},
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
  const PlaceholderValues values = {{"model", in.string()},
                                    {"out", out.string()},
                                    {"masks", masks.string()},
                                    {"step", std::to_string(request.number)}};
  ProcessOptions process = make_process(options_, options_.finetune_command, values);
  process.stop_requested = options_.stop_requested;
  const ProcessResult result = run_process(process);

  std::error_code ignored;
  const bool written = fs::exists(out, ignored);
  if (result.stopped) {
    outcome.interrupted = true;
    try {
      if (written) outcome.values = changed_values(model, open_tuned(out));
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
  outcome.values = changed_values(model, open_tuned(out));
  return outcome;
}

}  // namespace qc
