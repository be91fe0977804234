#include "treated_models.h"

#include "programs.h"

namespace qc::bench {

namespace fs = std::filesystem;

std::vector<TreatedModel> treated_models() {
  return {
      {"LeNet-5, pruned and shared",
       "converted/may0324_lenet5_constant_nodes.onnx",
       {"--rate", "0.92"},
       {"--conv-bits", "8", "--fc-bits", "5"}},
      {"YOLOX-nano as it is", "yolox_nano/yolox_nano.onnx", {}, {}},
      {"SqueezeNet, pruned and shared",
       "converted/squeezenet_f32_from_fp16.onnx",
       {"--rate", "0.7"},
       {"--conv-bits", "8", "--fc-bits", "6"}},
  };
}

fs::path prepared(const TreatedModel& model, const fs::path& models, const fs::path& folder) {
  fs::path source = models / model.path;
  if (model.prune.empty()) return source;
  const auto run_pass = [&](const std::string& name, std::vector<std::string> words,
                            const fs::path& from) {
    words.insert(words.begin(), name);
    const Command command = qcompress_command(words, from, folder / (name + ".onnx"));
    run_command(command);
    return command.output;
  };
  return run_pass("share", model.share, run_pass("prune", model.prune, source));
}

}  // namespace qc::bench
