// Flags made from parameter specs.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "passes/params.h"

namespace qc {

/// What was given for flags that stand for parameters. The flags refer to this object.
class ParamFlags {
 public:
  /// Adds a flag for a parameter, in a group of the help where one is named.
  void add(CLI::App& command, const ParamSpec& spec, const std::string& group = "");

  /// Hands on every value given, in the order of the flags' declaration.
  void for_each(
      const std::function<void(const std::string& name, const std::string& value)>& set) const;

 private:
  struct Given {
    std::string name;
    bool flag = false;
    std::vector<std::string> values;
  };

  std::vector<std::unique_ptr<Given>> given_;
};

}  // namespace qc
