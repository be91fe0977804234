// The text of the kernels in C.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace qc::c {

/// A function of runtime/kernels/, or a type or constant that functions share.
struct Kernel {
  std::string_view name;
  std::vector<std::string_view> needs;
  std::string text;
};

/// All kernels, in the order of the files.
const std::vector<Kernel>& kernels();

/// The kernels of these names and those that they need, each after those that it needs. Throws
/// Error(kInternal) for a name that is unknown.
std::vector<const Kernel*> kernels_for(const std::set<std::string>& names);

}  // namespace qc::c
