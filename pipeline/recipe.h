// Recipes: whole pipelines as TOML files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "passes/params.h"
#include "pipeline/step.h"

namespace qc {

/// A pipeline that ends in a container.
struct Recipe {
  Recipe();

  std::string name;
  std::uint64_t seed = 0;   ///< of every step that has one and was not given another
  double validation = 0.1;  ///< fraction of the training data that is held out, for all steps
  std::vector<Step> steps;
  Params pack;  ///< pack_params()

  /// Uses another seed for every step.
  void set_seed(std::uint64_t value);
};

/// Reads a recipe:
///
///     name = "what it is"      seed = 1      validation = 0.1
///     [defaults]               # for every step that has such a parameter
///     batch = 128
///     [[step]]
///     do = "prune"             # a pass, "train" or "finetune"
///     rate = 0.9               # its parameters, named like the flags
///     [pack]
///     huffman = true
///
/// Throws Error(kUsage) with file and line for everything that is not understood.
Recipe read_recipe(const std::filesystem::path& path);

/// The same from text; `path` is for messages.
Recipe parse_recipe(std::string_view text, const std::string& path);

/// The recipe as TOML, with everything that was given and, with `defaults`, everything else too.
/// Reading it gives the same recipe.
std::string recipe_text(const Recipe& recipe, bool defaults);

}  // namespace qc
