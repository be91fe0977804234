// Arguments and variables of programs that are started.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace qc {

/// This process's environment as "NAME=value", with `added` in place of variables of those names.
std::vector<std::string> environment_with(const std::map<std::string, std::string>& added);

/// The texts as exec takes them, with a null pointer at the end. They must outlive it.
std::vector<char*> exec_pointers(std::vector<std::string>& texts);

}  // namespace qc
