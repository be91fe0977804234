#include "pipeline/provenance.h"

#include <fmt/format.h>

#include <cstddef>
#include <utility>

namespace qc {
namespace {

// How much of a step is in the model.
struct Part {
  int kept = 0;  // repetitions
  int epochs = 0;
  bool interrupted = false;  // in the last of them
  bool missed = false;       // the one after them was beyond --max-drop
};

Part part_of(const PipelineReport& report, std::size_t step) {
  Part part;
  for (const StepReport& done : report.steps) {
    if (done.index != step) continue;
    if (done.kept) ++part.kept;
    part.missed = !done.kept;
    part.interrupted = done.kept && done.interrupted;
    part.epochs = done.epochs;
  }
  return part;
}

std::string line_of(const Step& step, const Part& part) {
  const int repetitions = step.repetitions();
  std::string text(step.kind().name);
  if (repetitions > 1 && part.kept > 0) {
    text += fmt::format(": {} of {} steps", part.kept, repetitions);
  } else {
    text += part.kept > 0 ? ": done" : ": nothing";
  }
  if (part.interrupted) {
    text += fmt::format(", the last one interrupted in epoch {} of {}", part.epochs,
                        step.train_options().epochs);
  }
  if (part.missed) text += "; what came next was beyond max-drop and taken back";
  return text + "\n";
}

}  // namespace

std::map<std::string, std::string> provenance(const Recipe& recipe, const PipelineReport& report,
                                              const std::string& engine) {
  std::map<std::string, std::string> metadata;
  if (!engine.empty()) metadata["engine"] = engine;
  Recipe ran = recipe;
  ran.steps.clear();
  std::string lines;
  bool complete = true;
  for (std::size_t i = 0; i < recipe.steps.size(); ++i) {
    const Step& step = recipe.steps[i];
    const Part part = part_of(report, i);
    complete = complete && part.kept == step.repetitions() && !part.interrupted;
    lines += line_of(step, part);
    if (part.kept > 0) ran.steps.push_back(step);
  }
  metadata["recipe"] = recipe_text(ran, /*defaults=*/false);
  if (!complete) metadata["ran"] = std::move(lines);
  return metadata;
}

}  // namespace qc
