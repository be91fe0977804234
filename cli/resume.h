// Commands that can go on after an interruption: their flags, their checkpoint, and how they end.
#pragma once

#include <CLI/CLI.hpp>
#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cli/common.h"
#include "pipeline/checkpoint.h"
#include "pipeline/runner.h"

namespace qc {

struct ResumeFlags {
  std::string checkpoint;
  bool resume = false;

  bool given() const { return resume || !checkpoint.empty(); }
};

/// Adds --checkpoint and --resume.
void add_resume_flags(CLI::App& command, ResumeFlags& flags);

/// "; --resume goes on from FILE"; empty where there is no checkpoint.
std::string resume_hint(const std::filesystem::path& checkpoint);

/// Throws Error(kUsage) when they were given and nothing evaluates or fine-tunes.
void require_use(const ResumeFlags& flags, bool evaluates_or_tunes);

/// The checkpoint of a command under way: kept beside the output from the first repetition or epoch
/// on, until the output is written.
class Resumption {
 public:
  /// Reads the checkpoint with --resume; else makes sure that none is lost. `beside` is what the
  /// output goes to, `others` are files that the checkpoint may not replace. Throws Error: kFile
  /// when there is none to resume from, when one is there without --resume and -f, and when none
  /// can be written; kUsage and kCorrupt as read_checkpoint() does.
  Resumption(const ResumeFlags& flags, const std::filesystem::path& beside,
             const std::vector<std::filesystem::path>& others, CheckpointIdentity identity,
             const OnnxModel& input, const CommonOptions& common);

  /// Makes a pipeline go on from the checkpoint, and keep it. This must outlive the tools.
  void use_in(PipelineTools& tools);

  /// What a search had tried, where it is resumed, and a checkpoint of what it has tried now.
  const Bytes& search() const noexcept { return checkpoint_.search; }
  void save_search(Bytes search);

  /// How to write an output: one that the interrupted command wrote may be replaced.
  Overwrite overwrite_for(const std::filesystem::path& output) const;

  /// To be called when the outputs, none where no step was kept, have been written. The checkpoint
  /// is removed, or after an interruption notes them. Returns what --resume goes on from; empty
  /// where there is nothing to go on from.
  std::filesystem::path finish(bool interrupted, const std::vector<std::filesystem::path>& outputs);

  /// The checkpoint to resume from where one has been kept, else empty.
  std::filesystem::path kept() const { return saved_ ? path_ : std::filesystem::path(); }

 private:
  void save();

  std::filesystem::path path_;
  Overwrite overwrite_;
  Checkpoint checkpoint_;
  bool resumes_;
  bool saved_ = false;
  bool failed_ = false;
  std::chrono::steady_clock::time_point last_save_;
};

/// Runs the part of a command that a checkpoint, if it has one, is kept for: an Error then also
/// says what --resume goes on from.
void naming_checkpoint(const std::optional<Resumption>& resumption,
                       const std::function<void()>& body);

/// Ends a command whose pipeline ended early: throws Interruption after `signal`, or Error(kGate).
/// `output` is what was written and empty when nothing was, `checkpoint` what finish() gave.
void throw_early_end(const PipelineReport& report, const std::string& input,
                     const std::filesystem::path& output, int signal,
                     const std::filesystem::path& checkpoint);

}  // namespace qc
