#include "engine/train_params.h"

#include <array>
#include <limits>

namespace qc {
namespace {

constexpr double kUnlimited = std::numeric_limits<double>::infinity();
constexpr auto kOptimizers = make_choices<Optimizer>({{"sgd", Optimizer::kSgd},
                                                      {"adam", Optimizer::kAdam},
                                                      {"shift-adamax", Optimizer::kShiftAdaMax}});
constexpr auto kSchedules = make_choices<Schedule>(
    {{"constant", Schedule::kConstant}, {"step", Schedule::kStep}, {"cosine", Schedule::kCosine}});
constexpr auto kNorms = make_choices<NormTraining>({{"frozen", NormTraining::kFrozen},
                                                    {"train", NormTraining::kLearn},
                                                    {"shift", NormTraining::kShift}});

constexpr std::array kParams = {
    ParamSpec{.name = "epochs",
              .kind = ParamKind::kInteger,
              .placeholder = "N",
              .help = "passes over the training data, for every fine-tuning",
              .min = 0,
              .max = 100000,
              .default_text = "5"},
    ParamSpec{.name = "batch",
              .kind = ParamKind::kInteger,
              .placeholder = "N",
              .help = "samples per step of the optimiser",
              .min = 1,
              .max = 1048576,
              .default_text = "64"},
    ParamSpec{.name = "samples",
              .kind = ParamKind::kInteger,
              .placeholder = "N",
              .help = "train on N samples only, drawn by --seed; 0 takes all",
              .min = 0,
              .max = 1e9,
              .default_text = "0"},
    ParamSpec{.name = "optimizer",
              .kind = ParamKind::kChoice,
              .placeholder = "NAME",
              .help = "sgd (with momentum), adam, or shift-adamax: AdaMax with powers of two (BNN)",
              .choices = kOptimizers.names(),
              .default_text = "sgd"},
    ParamSpec{.name = "lr",
              .kind = ParamKind::kNumber,
              .placeholder = "RATE",
              .help = "learning rate at the start; adam wants about a tenth of what sgd does",
              .max = kUnlimited,
              .min_exclusive = true,
              .default_text = "0.01"},
    ParamSpec{.name = "lr-schedule",
              .kind = ParamKind::kChoice,
              .placeholder = "NAME",
              .help = "cosine falls to zero over the epochs, step multiplies by --lr-factor every "
                      "--lr-step epochs",
              .choices = kSchedules.names(),
              .default_text = "cosine"},
    ParamSpec{.name = "lr-step",
              .kind = ParamKind::kInteger,
              .placeholder = "N",
              .help = "epochs between two steps of --lr-schedule step",
              .min = 1,
              .max = 100000,
              .default_text = "10"},
    ParamSpec{.name = "lr-factor",
              .kind = ParamKind::kNumber,
              .placeholder = "F",
              .help = "what --lr-schedule step multiplies the learning rate by",
              .max = 1,
              .min_exclusive = true,
              .default_text = "0.1"},
    ParamSpec{.name = "momentum",
              .kind = ParamKind::kNumber,
              .placeholder = "M",
              .help = "of sgd",
              .max = 1,
              .max_exclusive = true,
              .default_text = "0.9"},
    ParamSpec{.name = "weight-decay",
              .kind = ParamKind::kNumber,
              .placeholder = "D",
              .help = "L2 penalty on weights, not on biases and normalisations",
              .max = kUnlimited,
              .default_text = "0.0001"},
    ParamSpec{.name = "label-smoothing",
              .kind = ParamKind::kNumber,
              .placeholder = "S",
              .help = "part of the target that is spread over all classes",
              .max = 1,
              .max_exclusive = true,
              .default_text = "0"},
    ParamSpec{.name = "distill",
              .kind = ParamKind::kNumber,
              .placeholder = "W",
              .help = "weight of imitating the model that the run started from, instead of the "
                      "labels (knowledge distillation)",
              .max = 1,
              .default_text = "0"},
    ParamSpec{.name = "shift",
              .kind = ParamKind::kInteger,
              .placeholder = "PIXELS",
              .help = "augmentation: move every image by up to so many pixels",
              .min = 0,
              .max = 1024,
              .default_text = "0"},
    ParamSpec{.name = "flip",
              .kind = ParamKind::kFlag,
              .placeholder = "",
              .help = "augmentation: mirror half of the images"},
    ParamSpec{.name = "norm",
              .kind = ParamKind::kChoice,
              .placeholder = "MODE",
              .help = "batch normalisation keeps its statistics (frozen), learns those of the "
                      "data (train), or learns powers of two to multiply with (shift; BNN)",
              .choices = kNorms.names(),
              .default_text = "train"},
    ParamSpec{.name = "patience",
              .kind = ParamKind::kInteger,
              .placeholder = "N",
              .help = "stop after N epochs without a better validation; 0 never stops early",
              .min = 0,
              .max = 100000,
              .default_text = "0"},
    ParamSpec{.name = "validation",
              .kind = ParamKind::kNumber,
              .placeholder = "FRACTION",
              .help = "part of the training data that is held out: it picks the best epoch and "
                      "decides, so that the test data is looked at once, at the end",
              .max = 1,
              .max_exclusive = true,
              .default_text = "0.1"},
    ParamSpec{.name = "seed",
              .kind = ParamKind::kInteger,
              .placeholder = "SEED",
              .help = "of everything random: fresh weights, the order of samples, augmentation",
              .max = 4294967295,
              .default_text = "0"},
};

}  // namespace

std::span<const ParamSpec> train_params() noexcept { return kParams; }

TrainOptions train_options(const Params& params) {
  const auto integer = [&](std::string_view name) {
    return static_cast<int>(params.integer(name).value());
  };
  const auto number = [&](std::string_view name) { return params.number(name).value(); };
  TrainOptions options;
  options.epochs = integer("epochs");
  options.batch = static_cast<std::size_t>(integer("batch"));
  options.samples = static_cast<std::size_t>(integer("samples"));
  options.optimizer = params.choice("optimizer", kOptimizers).value();
  options.learning_rate = number("lr");
  options.momentum = number("momentum");
  options.weight_decay = number("weight-decay");
  options.schedule = params.choice("lr-schedule", kSchedules).value();
  options.step_epochs = integer("lr-step");
  options.step_factor = number("lr-factor");
  options.label_smoothing = number("label-smoothing");
  options.distill = number("distill");
  options.shift = integer("shift");
  options.flip = params.flag("flip");
  options.norm = params.choice("norm", kNorms).value();
  options.patience = integer("patience");
  options.seed = static_cast<std::uint64_t>(params.integer("seed").value());
  return options;
}

double validation_fraction(const Params& params) { return params.number("validation").value(); }

}  // namespace qc
