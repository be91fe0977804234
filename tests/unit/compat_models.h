// Small models whose containers are kept in tests/compat, so that every later build reads them.
#pragma once

#include <string>
#include <vector>

#include "model_files.h"

namespace qc::test {

/// A model and how it is packed.
struct CompatModel {
  std::string name;
  Files files;
  PackOptions options = {};
};

/// Together their containers have every layout, every entropy stage, and every form of either that
/// a decoder treats in a way of its own.
std::vector<CompatModel> compat_models();

}  // namespace qc::test
