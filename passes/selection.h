// Which tensors of a model a value pass works on.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "formats/onnx/onnx_model.h"
#include "passes/params.h"
#include "passes/pass.h"

namespace qc {

/// The two parameters every value pass takes.
inline constexpr ParamSpec kIncludeParam{
    .name = "include",
    .kind = ParamKind::kList,
    .placeholder = "GLOB",
    .help = "work only on weights whose name matches (* ? [...]); may be repeated"};
inline constexpr ParamSpec kExcludeParam{
    .name = "exclude",
    .kind = ParamKind::kList,
    .placeholder = "GLOB",
    .help = "leave weights alone whose name matches; may be repeated, wins over --include"};

/// The tensors to work on: float weights of two or more dimensions whose values can be overwritten
/// in place, narrowed by --include and --exclude. For every other float tensor it knows why not.
class Selection {
 public:
  /// `verb` says in messages what the pass does ("prune"). Throws Error: kUnsupported when the
  /// model has no such weights; kUsage when a pattern matches no tensor, when an --include matches
  /// only tensors that cannot be selected, and when the patterns leave nothing.
  Selection(const OnnxModel& model, const Params& params, std::string_view verb);

  /// Indices into OnnxModel::tensors(), ascending.
  std::vector<std::size_t> chosen() const;

  /// The chosen tensors a pattern given to --`flag` matches, ascending. Throws Error(kUsage) when
  /// there are none, with near names or with the reasons why the matches are not chosen.
  std::vector<std::size_t> matching(std::string_view flag, const std::string& pattern) const;

  /// Takes a tensor out of the selection.
  void skip(std::size_t tensor, std::string reason) { reasons_[tensor] = std::move(reason); }

  /// Takes a tensor in whose values can be overwritten.
  void take(std::size_t tensor) { reasons_[tensor].clear(); }

  /// Float tensors outside the selection, in the order of the model.
  std::vector<SkippedTensor> skipped() const;

  /// What the user should know of weights that cannot be selected; one line each.
  std::vector<std::string> notes() const;

 private:
  void explain_products();
  void skip_repeated_data();
  [[noreturn]] void throw_nothing_to_do() const;
  [[noreturn]] void throw_no_match(std::string_view flag, const std::string& pattern) const;
  std::vector<std::size_t> all_matching(std::string_view flag, const std::string& pattern) const;
  std::string explained(const std::vector<std::size_t>& tensors) const;

  const OnnxModel& model_;
  std::string verb_;
  std::vector<std::string> reasons_;  // by tensor; empty: chosen
  bool has_products_ = false;
};

}  // namespace qc
