#include "cli/resume.h"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "core/error.h"
#include "system/file.h"

namespace qc {
namespace {

namespace fs = std::filesystem;

// Between two checkpoints in one training: epochs may be shorter than it takes to write one.
constexpr std::chrono::seconds kInterval{10};

}  // namespace

std::string resume_hint(const fs::path& checkpoint) {
  if (checkpoint.empty()) return {};
  return fmt::format("; --resume goes on from {}", checkpoint.string());
}

void add_resume_flags(CLI::App& command, ResumeFlags& flags) {
  const std::string group = "Interruptions, with --data or commands";
  command
      .add_flag("--resume", flags.resume,
                "Go on from the checkpoint of the same command, which an interruption or an error "
                "left, as if it had not been there")
      ->group(group);
  command
      .add_option(
          "--checkpoint", flags.checkpoint,
          "Keep the checkpoint here (default: OUTPUT.checkpoint); it is written after every "
          "step, every model that shrink tries and, at most every ten seconds, after epochs, and "
          "removed at the end")
      ->type_name("FILE")
      ->group(group);
}

void require_use(const ResumeFlags& flags, bool evaluates_or_tunes) {
  if (evaluates_or_tunes || !flags.given()) return;
  throw Error(ErrorCode::kUsage,
              "--resume and --checkpoint are for evaluation and fine-tuning, which need --data DIR "
              "(or --eval-cmd, --finetune-cmd)");
}

Resumption::Resumption(const ResumeFlags& flags, const fs::path& beside,
                       const std::vector<fs::path>& others, CheckpointIdentity identity,
                       const OnnxModel& input, const CommonOptions& common)
    : path_(flags.checkpoint.empty() ? fs::path(beside.string() + ".checkpoint")
                                     : fs::path(flags.checkpoint)),
      overwrite_(common.overwrite()),
      checkpoint_{.identity = std::move(identity), .state = {}},
      resumes_(flags.resume) {
  for (const fs::path& other : others) {
    if (!other.empty() && is_same_file(other, path_)) {
      throw Error(ErrorCode::kUsage,
                  fmt::format("--checkpoint {} is another file of this command; name another one",
                              path_.string()));
    }
  }
  if (resumes_) {
    if (!fs::exists(path_)) {
      throw Error(ErrorCode::kFile,
                  fmt::format("there is no checkpoint {} to resume from; without --resume the "
                              "command starts anew",
                              path_.string()));
    }
    checkpoint_ = read_checkpoint(path_, checkpoint_.identity, input);
    saved_ = true;
  } else if (!common.force && fs::exists(path_)) {
    throw Error(ErrorCode::kFile,
                fmt::format("{} exists: a command was interrupted; --resume goes on from there, -f "
                            "starts anew",
                            path_.string()));
  }
  const AtomicFile writable(path_, Overwrite::kReplace);
}

void Resumption::use_in(PipelineTools& tools) {
  if (resumes_) tools.resume_from = checkpoint_.state;
  tools.save_state = [this](const PipelineState& state) {
    checkpoint_.state = state;
    save();
  };
  tools.state_due = [this] {
    return !saved_ || std::chrono::steady_clock::now() - last_save_ >= kInterval;
  };
}

Overwrite Resumption::overwrite_for(const fs::path& output) const {
  const bool own = std::ranges::find(checkpoint_.outputs, resolved(output).string()) !=
                   checkpoint_.outputs.end();
  return own ? Overwrite::kReplace : overwrite_;
}

void Resumption::save_search(Bytes search) {
  checkpoint_.search = std::move(search);
  save();
}

// What a full disk must not end is hours of training.
void Resumption::save() {
  try {
    write_checkpoint(path_, checkpoint_);
    saved_ = true;
    last_save_ = std::chrono::steady_clock::now();
  } catch (const Error& error) {
    if (!failed_) warn(fmt::format("{}; going on without a checkpoint", error.what()));
    failed_ = true;
  }
}

fs::path Resumption::finish(bool interrupted, const std::vector<fs::path>& outputs) {
  if (!interrupted) {
    std::error_code error;
    if (saved_) fs::remove(path_, error);
    if (error) warn_of_left({path_});
    return {};
  }
  if (!saved_) return {};
  checkpoint_.outputs.clear();
  for (const fs::path& output : outputs) {
    checkpoint_.outputs.push_back(resolved(output).string());
  }
  save();
  return path_;
}

void naming_checkpoint(const std::optional<Resumption>& resumption,
                       const std::function<void()>& body) {
  const auto hinted = [&](const Error& error) {
    const std::string hint = resumption ? resume_hint(resumption->kept()) : "";
    return Error(error.code(), error.what() + hint);
  };
  try {
    body();
  } catch (const Error& error) {
    throw hinted(error);
  } catch (const std::system_error& failure) {
    throw hinted(error_of(failure));
  }
}

void throw_early_end(const PipelineReport& report, const std::string& input, const fs::path& output,
                     int signal, const fs::path& checkpoint) {
  const StepReport* last = report.last_kept();
  if (report.interrupted) {
    std::string text = "interrupted";
    if (!report.steps.empty()) {
      const StepReport& ended = report.steps.back();
      text += fmt::format(" {} {}", ended.interrupted ? "in" : "after", step_label(ended));
    }
    text += output.empty() ? "; nothing was written"
                           : fmt::format("; {} has the best model so far", output.string());
    text += resume_hint(checkpoint);
    throw Interruption(signal != 0 ? signal : SIGINT, text);
  }
  if (report.gate_missed.empty()) return;
  throw Error(ErrorCode::kGate,
              fmt::format("{}: {}; {}", input, report.gate_missed,
                          output.empty()
                              ? "no step passed, so nothing was written"
                              : fmt::format("{} has the model after {}, the last step that passed",
                                            output.string(), step_label(*last))));
}

}  // namespace qc
