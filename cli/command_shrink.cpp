// qcompress shrink: the smallest file of any network that still behaves as the network does.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "cli/commands.h"
#include "cli/common.h"
#include "cli/judging.h"
#include "cli/layer_report.h"
#include "cli/resume.h"
#include "cli/text.h"
#include "cli/tuning.h"
#include "core/error.h"
#include "formats/packed/pack_model.h"
#include "pipeline/run_inputs.h"
#include "pipeline/score_memory.h"
#include "pipeline/shrink/certificate.h"
#include "pipeline/shrink/shrink.h"
#include "system/atomic_file.h"
#include "system/byte_size.h"
#include "system/output_set.h"
#include "system/printable.h"
#include "system/progress.h"

namespace qc {
namespace {

// Sums in another order would round differently, and the result depend on the number of threads.
constexpr unsigned kEngineThreads = 1;
struct ShrinkCommand {
  CommonOptions common;
  TuningFlags tuning;
  ResumeFlags resume;
  std::string input;
  std::string onnx_output;
  std::uint64_t target_size = 0;
  std::optional<double> max_drop;
  std::optional<double> min_snr;
  std::optional<double> lambda;
  std::vector<double> allocations;
  std::vector<std::string> exclude;
  std::size_t samples = 0;
  std::uint64_t seed = 0;
  bool fast = false;
  bool thorough = false;
  bool decodes_fast = false;
  bool no_certificate = false;

  // Everything that is opened once.
  struct Session {
    OnnxModel model;
    std::unique_ptr<FeedSource> feeds;
    std::unique_ptr<Engine> engine;
    ShrinkSamples samples;
  };

  void run() const {
    require_one_goal();
    const auto start = std::chrono::steady_clock::now();
    const OnnxModel model = OnnxModel::open(input, common.links());
    const std::filesystem::path target = common.output_or(with_extension(input, ".qc"));
    require_outputs(model, target);
    Session session{model,
                    open_samples(model),
                    open_engine({kEngineThreads, tuning.device, tuning.limits}),
                    {}};
    session.samples = split(*session.feeds);
    Resumption resumption(resume, target, {input, target, onnx_output}, identity(session), model,
                          common);
    if (!onnx_output.empty()) require_absent(onnx_output, resumption.overwrite_for(onnx_output));
    AtomicFile out(target, resumption.overwrite_for(target));
    ConsoleMonitor monitor(common.prints(), false);
    monitor.catch_signals();
    StatusLine line(common.prints());
    tell(fmt::format("{}; {}: {} samples to calibrate, {} to decide, {} to certify",
                     session.engine->description(), session.feeds->description(),
                     session.samples.calibrate.count, session.samples.decide.count,
                     session.samples.certify.count));
    for (const std::string& note : session.feeds->notes()) tell(note);

    const auto [best, certificate, is_close, times] =
        naming_errors(input, [&] { return shrink(session, monitor, line, resumption); });
    line.clear();
    PackOptions options;
    options.encode = encode();
    options.threads = common.threads;
    if (!no_certificate) {
      options.metadata[std::string(kCertificateKey)] = certificate_json(certificate);
    }
    pack_model(*best.model, options, out);
    const std::uint64_t packed = out.size();
    std::unique_ptr<OutputSet> onnx;
    if (!onnx_output.empty())
      onnx = best.model->stage(onnx_output, {}, resumption.overwrite_for(onnx_output));
    model.require_unchanged();
    out.commit();
    if (onnx) warn_of_left(onnx->commit());
    std::vector<std::filesystem::path> outputs = {target};
    if (!onnx_output.empty()) outputs.emplace_back(onnx_output);
    const std::filesystem::path checkpoint = resumption.finish(monitor.signal() != 0, outputs);
    monitor.release_signals();
    std::vector<ReportedLayer> layers;
    if (common.json || common.verbose) {
      const QcReader container = QcReader::open(target, ReadLimits::none());
      layers =
          report_layers(model, *best.model, *session.engine, session.samples.certify, &container);
    }
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    show(model, target, packed, certificate, layers, times, seconds.count());
    end_early(monitor, target, checkpoint);
    require_goal(packed, certificate, is_close);
  }

 private:
  void require_one_goal() const {
    const int goals =
        (target_size > 0 ? 1 : 0) + (max_drop ? 1 : 0) + (min_snr ? 1 : 0) + (lambda ? 1 : 0);
    if (goals != 1) {
      throw Error(ErrorCode::kUsage,
                  "say what is asked for, by one of --target-size SIZE, --max-drop POINTS, "
                  "--min-snr DB and --lambda PRICE");
    }
    if (tuning.data.empty()) {
      throw Error(ErrorCode::kUsage,
                  "shrink needs samples: --data DIR, without labels; --data random as a stop-gap");
    }
    if (common.to_stdout()) throw Error(ErrorCode::kUsage, "shrink writes files: -o FILE");
  }

  void require_outputs(const OnnxModel& model, const std::filesystem::path& target) const {
    require_different(input, target);
    if (!onnx_output.empty()) {
      require_different(input, onnx_output);
      require_other_output(target, "--onnx", onnx_output);
    }
    for (const std::filesystem::path& output : {target, std::filesystem::path(onnx_output)}) {
      if (output.empty()) continue;
      model.refuse_input(output, true);
      tuning.require_no_data(output);
    }
  }

  std::unique_ptr<FeedSource> open_samples(const OnnxModel& model) const {
    return open_feeds({tuning.data, tuning.data_config}, Split::kTrain, model.graph()->main);
  }

  ShrinkSamples split(const FeedSource& feeds) const {
    const SampleSplit split =
        split_samples(samples > 0 ? std::min(samples, feeds.size()) : feeds.size(), seed);
    return {run_inputs(feeds, split.calibrate), run_inputs(feeds, split.decide),
            run_inputs(feeds, split.certify)};
  }

  EncodeOptions encode() const { return decodes_fast ? presets::kDefault : presets::kMax; }

  void tell(const std::string& text) const {
    if (common.prints()) print_progress(printable(text) + "\n");
  }

  // What models that are tried depend on. The goal is none of it.
  CheckpointIdentity identity(const Session& session) const {
    const auto data = resolved(tuning.data);
    return {{"model", model_digest(session.model)},
            {"data set", fmt::format("{}\n{}\n{}", data.string(), tuning.data_config,
                                     session.feeds->description())},
            {"command", fmt::format("{} {} {} {} {} {} {} {} {}", samples, seed,
                                    fmt::join(exclude, "\n"), thorough, decodes_fast,
                                    no_certificate, fmt::join(tuning.judging.scores, "\n"),
                                    tuning.judging.metric, tuning.judging.output)}};
  }

  ShrinkTask task() const {
    ShrinkTask task;
    task.goal = goal();
    task.lambda = lambda;
    if (!allocations.empty()) {
      task.allocations = allocations;
    } else if (lambda) {
      task.allocations = {1};
    }
    task.exclude = exclude;
    task.seed = seed;
    task.threads = common.threads;
    task.lockstep = !fast;
    task.distills = thorough;
    task.encode = encode();
    task.keeps_certificate = !no_certificate;
    task.judging = tuning.judging.options();
    task.judging.by_labels = true;
    return task;
  }

  ShrinkOutcome shrink(const Session& session, const ConsoleMonitor& monitor, StatusLine& line,
                       Resumption& resumption) const {
    SearchMemory memory = SearchMemory::from_bytes(resumption.search());
    if (memory.size() > 0) tell(fmt::format("{} models were tried before", memory.size()));
    ShrinkEvents events;
    events.progress = [&](std::string_view stage, double part) {
      line.show([&] { return fmt::format("{}  {:.0f}%", stage, 100 * part); });
    };
    events.candidate = [&](const ShrinkCandidate& candidate) {
      resumption.save_search(memory.to_bytes());
      line.clear();
      if (common.prints()) print_progress(candidate_line(candidate));
    };
    events.note = [&](const std::string& text) { tell(text); };
    events.warning = [&](const std::string& text) {
      line.clear();
      if (!common.quiet) warn(text);
    };
    if (common.verbose) events.detail = events.note;
    events.stop_requested = [&] { return monitor.stop_requested(); };
    return shrink_model(session.model, *session.engine, session.samples, task(), memory, events);
  }

  ShrinkGoal goal() const {
    ShrinkGoal goal{.min_snr = min_snr};
    if (target_size > 0) goal.target_size = target_size;
    if (max_drop) goal.max_drop = *max_drop / 100;
    return goal;
  }

  static std::string candidate_line(const ShrinkCandidate& candidate) {
    const OutputMetrics& output = candidate.closeness.outputs[candidate.closeness.decisive];
    return fmt::format(
        "{:>10}  {}{}  lambda {:.3g}, allocation {:.2g}{}\n", size_text(candidate.bytes),
        metric_value_text(candidate.closeness.metric, candidate.closeness.value),
        output.positions > 0 ? fmt::format(", KL {}", metric_value_text(JudgedBy::kKl, output.kl))
                             : std::string(),
        candidate.point.lambda, candidate.point.allocation,
        candidate.refined    ? ", distilled"
        : candidate.lockstep ? ", in lockstep"
                             : "");
  }

  void show(const OnnxModel& model, const std::filesystem::path& target, std::uint64_t packed,
            const Certificate& certificate, const std::vector<ReportedLayer>& layers,
            const ShrinkTimes& times, double seconds) const {
    if (common.json) {
      nlohmann::ordered_json document = {
          {"schema", "qcompress.shrink/1"},
          {"input", input},
          {"output", target.string()},
          {"onnx", nullptr},
          {"original_bytes", model.total_size()},
          {"packed_bytes", packed},
          {"certificate", nlohmann::ordered_json::parse(certificate_json(certificate))},
          {"layers", layers_json(layers)},
          {"seconds", seconds},
          {"stages",
           {{"calibration", times.calibration},
            {"search", times.search},
            {"certificate", times.certificate}}}};
      if (!onnx_output.empty()) document["onnx"] = onnx_output;
      print_json(document);
    } else if (common.prints()) {
      print(fmt::format(
          "{}  {} -> {}  {}  ({}, {:.1f} s: calibration {:.1f}, search {:.1f}, certificate "
          "{:.1f})\n"
          "{}",
          printable(input), size_text(model.total_size()), printable(target.string()),
          size_text(packed), ratio_text(model.total_size(), packed), seconds, times.calibration,
          times.search, times.certificate, printable_lines(certificate_text(certificate))));
      if (!layers.empty()) print(layers_text(layers));
    }
  }

  static void end_early(const ConsoleMonitor& monitor, const std::filesystem::path& target,
                        const std::filesystem::path& checkpoint) {
    if (monitor.signal() == 0) return;
    throw Interruption(monitor.signal(),
                       fmt::format("interrupted; {} is the best that was found until then{}",
                                   printable(target.string()), printable(resume_hint(checkpoint))));
  }

  // The file is there either way, but a script should know.
  void require_goal(std::uint64_t packed, const Certificate& certificate, bool is_close) const {
    if (target_size > 0 && packed > target_size) {
      throw Error(ErrorCode::kGate,
                  fmt::format("{}: the smallest that was found has {}, over the target of {}",
                              input, size_text(packed), size_text(target_size)));
    }
    if (is_close) return;
    throw Error(ErrorCode::kGate,
                fmt::format("{}: {} on the samples of the certificate, which is beyond what was "
                            "allowed",
                            input,
                            metric_value_text(kJudgedByChoices.find(certificate.metric).value(),
                                              certificate.value)));
  }
};

}  // namespace

void add_shrink_command(CLI::App& app) {
  auto command = std::make_shared<ShrinkCommand>();
  CLI::App* sub = add_command(
      app, "shrink",
      "Make the smallest file of any network that still behaves as it does, with samples that "
      "need no labels",
      "qcompress shrink model.onnx --data samples --max-drop 0.5 -o model.qc");
  add_input(*sub, command->input, "model", "The .onnx file");
  const std::string goals = "Goal, one of";
  add_size_option(*sub, "--target-size", command->target_size,
                  "Size of the .qc file, like 900KB: behave as well as possible within it")
      ->group(goals);
  sub->add_option("--max-drop", command->max_drop,
                  "Points that may be lost of the agreement with the model, with labels of its "
                  "accuracy: be as small as possible")
      ->check(CLI::Range(0.0, 100.0))
      ->type_name("POINTS")
      ->group(goals);
  sub->add_option("--min-snr", command->min_snr,
                  "Signal-to-noise ratio of the output that must be kept: be as small as possible")
      ->type_name("DB")
      ->group(goals);
  sub->add_option("--lambda", command->lambda,
                  "The price of a bit, in nats of a sample: no search; what a certificate says "
                  "makes the same file again, with --allocation and --seed")
      ->check(CLI::PositiveNumber)
      ->type_name("PRICE")
      ->group(goals);
  sub->add_option("--onnx", command->onnx_output, "Also write the result as plain ONNX")
      ->type_name("FILE");
  sub->add_option("--exclude", command->exclude,
                  "Leave tensors alone whose name matches; may be repeated")
      ->type_name("GLOB");
  sub->add_option(
         "--samples", command->samples,
         "Use the first N samples only; default: all. Of many, 1,000 calibrate, 2,000 decide "
         "and 5,000 certify")
      ->type_name("N");
  sub->add_option("--seed", command->seed,
                  "Of the split into samples that calibrate, decide and certify; default: 0")
      ->type_name("SEED");
  CLI::Option* fast =
      sub->add_flag("--fast", command->fast,
                    "Round layers independently: faster, and larger for the same behaviour");
  sub->add_flag("--thorough", command->thorough,
                "Also train what is left free (shared values, biases, normalisations) to give the "
                "outputs of the model: minutes for every model near the goal")
      ->excludes(fast);
  sub->add_option(
         "--allocation", command->allocations,
         "How bytes are shared out: from 0, equal errors relative to each layer's outputs, "
         "to 1, by what the network's outputs depend on; default: the best of 0, 0.25, 0.5 "
         "and 1")
      ->check(CLI::Range(0.0, 1.0))
      ->type_name("A");
  sub->add_flag("--decode-fast", command->decodes_fast,
                "Pack as pack does by default: larger, but unpacked faster than with pack --max");
  sub->add_flag("--no-certificate", command->no_certificate,
                "Keep no certificate in the file, which takes some 300 bytes");
  add_judging_flags(*sub, command->tuning.judging);
  add_tuning_flags(*sub, command->tuning, Hooks::kNone);
  allow_any_samples(*sub);
  add_resume_flags(*sub, command->resume);
  add_common_options(*sub, command->common, Writes::kFile);
  add_links_option(*sub, command->common);
  sub->callback([command] { command->run(); });
}

}  // namespace qc
