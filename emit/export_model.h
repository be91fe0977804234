// Models as ONNX files whose weights are coded, and that decode them with standard operators.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "emit/forms.h"
#include "formats/onnx/onnx_model.h"

namespace qc {

struct ExportOptions {
  FormFamily family = FormFamily::kCompact;
  /// Whether a form may be used; all may where this is empty.
  std::function<bool(const TensorForm& form)> allows = {};
};

/// How a tensor was written.
struct ExportedTensor {
  std::string name;
  std::string_view form;  ///< kPlainForm, or the name of a TensorForm
  std::uint64_t elements = 0;
  std::uint64_t bytes_before = 0;  ///< of the tensor in the files, with name, type and shape
  std::uint64_t bytes =
      0;               ///< of its nodes and tensors, and of common constants that it needed first
  std::string reason;  ///< why it was left alone; empty where it was not
};

inline constexpr std::string_view kPlainForm = "float";

struct ExportedModel {
  OnnxModel model;
  std::vector<ExportedTensor> tensors;  ///< of float types, in the order of the model
  std::vector<std::string> notes;
};

/// The model with the float tensors of its graphs in the smallest forms of the family. Whoever runs
/// it gets the same bits: values keep their names, and a tensor is decoded to the patterns that it
/// had. Throws Error(kUnsupported) for models whose opset is too old for every form.
ExportedModel export_model(const OnnxModel& model, const ExportOptions& options);

}  // namespace qc
