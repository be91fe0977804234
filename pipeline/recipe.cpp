#include "pipeline/recipe.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#define TOML_EXCEPTIONS 1
#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <limits>
#include <set>
#include <sstream>

#include "core/error.h"
#include "pipeline/pack_params.h"
#include "system/file.h"
#include "system/near_names.h"
#include "system/toml_limits.h"

namespace qc {
namespace {

class RecipeReader {
 public:
  explicit RecipeReader(std::string path) : path_(std::move(path)) {}

  Recipe read(std::string_view text) const {
    require_toml_within_limits(text, path_);
    toml::table document;
    try {
      document = toml::parse(text, path_);
    } catch (const toml::parse_error& error) {
      fail(error.source(), error.description());
    }
    Recipe recipe;
    const toml::table* defaults = nullptr;
    for (const auto& [key, value] : document) {
      if (key == "name") {
        recipe.name = text_of(value);
      } else if (key == "seed") {
        recipe.seed = seed_of(value);
      } else if (key == "validation") {
        recipe.validation = number(value, "validation", 0, 0.99);
      } else if (key == "defaults" && value.is_table()) {
        defaults = value.as_table();
        refuse_validation(*defaults);
      } else if (key == "pack" && value.is_table()) {
        read_pack(*value.as_table(), recipe.pack);
      } else if (key != "step" || !value.is_array_of_tables()) {
        fail(value.source(), not_at_the_top(key.str()));
      }
    }
    const toml::array* steps = document["step"].as_array();
    if (steps == nullptr || steps->empty()) fail(document.source(), "there is no [[step]]");
    for (const toml::node& step : *steps) {
      recipe.steps.push_back(read_step(*step.as_table(), defaults, recipe.seed));
    }
    if (defaults != nullptr) require_used(*defaults, recipe.steps);
    return recipe;
  }

 private:
  static std::string not_at_the_top(std::string_view key) {
    for (const StepKind& kind : step_kinds()) {
      if (!Step(kind).takes(key)) continue;
      return fmt::format(
          "'{}' is not understood here: it belongs to steps; write it under a [[step]], or under "
          "[defaults] for all that take it",
          key);
    }
    // Tables are named without their brackets, too.
    constexpr std::array<std::string_view, 3> kTables = {"[defaults]", "[[step]]", "[pack]"};
    std::vector<std::string> known = {"name", "seed", "validation"};
    for (const std::string_view table : kTables) {
      if (table.find(fmt::format("[{}]", key)) == std::string_view::npos) continue;
      return fmt::format("'{}' is not understood here; write it as {}", key, table);
    }
    known.insert(known.end(), kTables.begin(), kTables.end());
    return fmt::format("'{}' is not understood here{}", key,
                       did_you_mean(key, known, "a recipe has"));
  }

  [[noreturn]] void fail(const toml::source_region& where, std::string_view what) const {
    throw Error(ErrorCode::kUsage,
                fmt::format("{}:{}:{}: {}", path_, where.begin.line, where.begin.column, what));
  }

  double number(const toml::node& node, std::string_view name, double min, double max) const {
    const auto value = node.value<double>();
    if (!value || !(*value >= min && *value <= max)) {
      fail(node.source(), fmt::format("{} is a number from {} to {}", name, min, max));
    }
    return *value;
  }

  std::uint64_t seed_of(const toml::node& node) const {
    const auto* value = node.as_integer();
    if (value == nullptr || value->get() < 0 || value->get() > 4294967295) {
      fail(node.source(), "seed is a whole number from 0 to 4294967295");
    }
    return static_cast<std::uint64_t>(value->get());
  }

  // A scalar as the command line would have it.
  std::string text_of(const toml::node& node) const {
    if (const auto* text = node.as_string()) return text->get();
    if (const auto* integer = node.as_integer()) return fmt::format("{}", integer->get());
    if (const auto* real = node.as_floating_point()) return fmt::format("{}", real->get());
    if (const auto* flag = node.as_boolean()) return flag->get() ? "true" : "false";
    fail(node.source(), "a text, a number, true or false is expected");
  }

  // Sets a parameter to a value, or to each of a list.
  template <typename Target>
  void set(Target& target, std::string_view name, const toml::node& node) const {
    const auto set_text = [&](const toml::node& value, const std::string& text) {
      try {
        target.set(name, text);
      } catch (const Error& error) {
        fail(value.source(), error.what());
      }
    };
    const toml::array* values = node.as_array();
    const auto& specs = target.specs();
    const auto spec = std::ranges::find(specs, name, &ParamSpec::name);
    if (values == nullptr) {
      const std::string text = text_of(node);
      if (spec != specs.end()) refuse_text(*spec, node);
      set_text(node, text);
      return;
    }
    if (spec == specs.end()) {
      set_text(node, "");  // says what there is instead
    } else if (spec->kind != ParamKind::kList) {
      fail(node.source(), fmt::format("{} takes one value, not a list", name));
    }
    for (const toml::node& value : *values) set_text(value, text_of(value));
  }

  // "0.9" is no number and "true" no flag in TOML, whatever they are on the command line.
  void refuse_text(const ParamSpec& spec, const toml::node& node) const {
    const bool of_text = spec.kind == ParamKind::kChoice || spec.kind == ParamKind::kList;
    if (of_text || !node.is_string()) return;
    fail(node.source(), fmt::format("{} is {} without quotes, not the text '{}'", spec.name,
                                    spec.kind == ParamKind::kFlag ? "true or false" : "a number",
                                    node.as_string()->get()));
  }

  // Which samples are held out is settled before the first step.
  void refuse_validation(const toml::table& table) const {
    const toml::node* value = table.get("validation");
    if (value == nullptr) return;
    fail(value->source(), "validation is the same for all steps; set it at the top of the recipe");
  }

  void read_pack(const toml::table& table, Params& pack) const {
    for (const auto& [key, value] : table) set(pack, key.str(), value);
  }

  Step read_step(const toml::table& table, const toml::table* defaults, std::uint64_t seed) const {
    const toml::node* kind = table.get("do");
    if (kind == nullptr || !kind->is_string()) {
      fail(table.source(), "a step says what to do: do = \"prune\"");
    }
    std::optional<Step> step;
    try {
      step.emplace(find_step_kind(kind->as_string()->get()));
    } catch (const Error& error) {
      fail(kind->source(), error.what());
    }
    refuse_validation(table);
    if (step->takes("seed")) step->set("seed", fmt::format("{}", seed));
    if (defaults != nullptr) {
      for (const auto& [key, value] : *defaults) {
        if (step->takes(key.str()) && !table.contains(key.str())) set(*step, key.str(), value);
      }
    }
    for (const auto& [key, value] : table) {
      if (key != "do") set(*step, key.str(), value);
    }
    try {
      step->check();
    } catch (const Error& error) {
      fail(table.source(), fmt::format("{}: {}", step->kind().name, error.what()));
    }
    return *step;
  }

  void require_used(const toml::table& defaults, const std::vector<Step>& steps) const {
    for (const auto& [key, value] : defaults) {
      const bool used = std::ranges::any_of(
          steps, [&key = key](const Step& step) { return step.takes(key.str()); });
      if (used) continue;
      std::set<std::string> known;
      for (const Step& step : steps) {
        for (const ParamSpec& spec : step.specs()) known.emplace(spec.name);
      }
      fail(value.source(),
           fmt::format("no step has a parameter {}{}", key.str(),
                       did_you_mean(key.str(), {known.begin(), known.end()}, "they have")));
    }
  }

  std::string path_;
};

std::string quoted(const std::string& text) {
  std::ostringstream stream;
  stream << toml::toml_formatter(toml::value<std::string>(text), toml::format_flags::none);
  return stream.str();
}

std::string toml_value(const ParamSpec& spec, const std::vector<std::string>& values) {
  if (spec.kind == ParamKind::kList) {
    std::vector<std::string> parts;
    parts.reserve(values.size());
    for (const std::string& value : values) parts.push_back(quoted(value));
    return fmt::format("[{}]", fmt::join(parts, ", "));
  }
  if (spec.kind == ParamKind::kChoice) return quoted(values.back());
  if (spec.kind == ParamKind::kFlag) return values.back();
  // Not every number that was understood is one in TOML: .5, 007.
  return fmt::format("{}", parse_number(spec, values.back()));
}

// The recipe has these once for all steps.
bool is_common(const Recipe& recipe, std::string_view name,
               const std::vector<std::string>& values) {
  return name == "validation" ||
         (name == "seed" && values.back() == fmt::format("{}", recipe.seed));
}

bool is_complete(const Step& step) {
  try {
    step.check();
  } catch (const Error&) {
    return false;
  }
  return true;
}

// A default that may not be written down beside what was given: --xnor has others of its own.
bool is_excluded(const Step& step, const ParamSpec& spec) {
  Step with = step;
  with.set(spec.name, std::string(spec.default_text));
  return is_complete(step) && !is_complete(with);
}

}  // namespace

Recipe::Recipe() : pack(pack_params()) {}

void Recipe::set_seed(std::uint64_t value) {
  seed = value;
  for (Step& step : steps) {
    if (step.takes("seed")) step.set("seed", fmt::format("{}", value));
  }
}

Recipe read_recipe(const std::filesystem::path& path) {
  const MappedFile file(path);
  return parse_recipe(as_text(file.bytes()), path.string());
}

Recipe parse_recipe(std::string_view text, const std::string& path) {
  return RecipeReader(path).read(text);
}

std::string recipe_text(const Recipe& recipe, bool defaults) {
  std::string text;
  if (!recipe.name.empty()) text += fmt::format("name = {}\n", quoted(recipe.name));
  text += fmt::format("seed = {}\nvalidation = {}\n", recipe.seed, recipe.validation);
  for (const Step& step : recipe.steps) {
    text += fmt::format("\n[[step]]\ndo = {}\n", quoted(std::string(step.kind().name)));
    const auto given = step.given();
    for (const ParamSpec& spec : step.specs()) {
      const auto own = std::ranges::find(
          given, spec.name, [](const auto& pair) -> std::string_view { return pair.first; });
      std::vector<std::string> values;
      if (own != given.end()) {
        values = own->second;
      } else if (defaults && !spec.default_text.empty() && !is_excluded(step, spec)) {
        values = {std::string(spec.default_text)};
      }
      if (values.empty() || is_common(recipe, spec.name, values)) continue;
      text += fmt::format("{} = {}\n", spec.name, toml_value(spec, values));
    }
  }
  std::string pack;
  for (const ParamSpec& spec : recipe.pack.specs()) {
    if (!recipe.pack.has(spec.name)) continue;
    pack += fmt::format("{} = {}\n", spec.name, toml_value(spec, recipe.pack.list(spec.name)));
  }
  if (!pack.empty()) text += "\n[pack]\n" + pack;
  return text;
}

}  // namespace qc
