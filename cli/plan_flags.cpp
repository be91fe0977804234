#include "cli/plan_flags.h"

#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "cli/text.h"
#include "core/error.h"
#include "emit/c/weights.h"
#include "system/printable.h"

namespace qc {
namespace {

// "NAME=1x3x224x224".
std::pair<std::string, c::Shape> parse_named_shape(const std::string& text) {
  // Names may have equals signs, sizes have none.
  const std::size_t equals = text.rfind('=');
  if (equals == std::string::npos || equals == 0) {
    throw Error(ErrorCode::kUsage,
                fmt::format("--shape {}: expects NAME=1x3x224x224", printable(text)));
  }
  return {text.substr(0, equals),
          parse_shape("--shape", std::string_view(text).substr(equals + 1))};
}

}  // namespace

c::PlanOptions PlanFlags::options() const {
  c::PlanOptions options;
  options.goal = goal == "speed" ? c::Goal::kSpeed : c::Goal::kSize;
  options.form = form;
  for (const std::string& text : shapes) {
    auto [name, shape] = parse_named_shape(text);
    if (!options.shapes.emplace(name, std::move(shape)).second) {
      throw Error(ErrorCode::kUsage,
                  fmt::format("--shape {}: this input has a shape already", printable(text)));
    }
  }
  return options;
}

void add_plan_flags(CLI::App& command, PlanFlags& flags) {
  command
      .add_option("--optimize", flags.goal,
                  "size: the weights in as few bytes as they can be used from; speed: in the form "
                  "that takes the least time")
      ->check(CLI::IsMember({"size", "speed"}))
      ->type_name("GOAL")
      ->capture_default_str();
  std::vector<std::string> forms;
  for (const c::WeightForm& form : c::weight_forms()) forms.emplace_back(form.name);
  command
      .add_option("--form", flags.form,
                  "Only this form of weights, and dense ones where it cannot be; without it, the "
                  "best for each layer")
      ->check(CLI::IsMember(forms))
      ->type_name("FORM");
  command
      .add_option("--shape", flags.shapes,
                  "The shape of an input whose sizes the model leaves open, as in "
                  "input=1x3x224x224; a batch that is open is 1")
      ->type_name("NAME=SHAPE")
      ->take_all();
}

}  // namespace qc
