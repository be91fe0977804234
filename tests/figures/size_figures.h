// How near the size of packed models comes to the entropy of their weights.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "report/breakdown.h"

namespace qc::figures {

/// A model, how it is pruned and shared, and what is asked of the result.
struct SizeCase {
  std::string_view name;
  std::string_view model;  ///< below the folder of models
  std::string_view rate;   ///< values for the parameters of the passes
  std::string_view conv_bits;
  std::string_view fc_bits;
  double ratio_to_exceed;  ///< of whole files
};

inline constexpr std::array kSizeCases = {
    SizeCase{"LeNet5", "converted/may0324_lenet5_constant_nodes.onnx", "0.92", "8", "5", 35},
    SizeCase{"ResNet20", "converted/resnet20_cifar10.onnx", "0.7", "8", "6", 1},
    SizeCase{"SqueezeNet", "converted/squeezenet_f32_from_fp16.onnx", "0.7", "8", "6", 1},
};

/// Sizes of one model in bytes. Everything but the containers is counted from the payloads of the
/// pruned and shared model, without the codecs.
struct SizeFigure {
  SizeTotals huffman;   ///< of the container with Huffman codes only
  SizeTotals fast;      ///< of the container with --fast
  SizeTotals balanced;  ///< by default
  SizeTotals max;       ///< with slow layouts too

  std::uint64_t tensors = 0;        ///< with a payload
  std::uint64_t weights = 0;        ///< tensors that the passes work on
  double position_entropy = 0;      ///< zeroth-order, of zero or not, added up over the weights
  double value_entropy = 0;         ///< zeroth-order, of the non-zero values
  std::uint64_t codebooks = 0;      ///< distinct non-zero values of the weights as they are
  std::uint64_t other_tensors = 0;  ///< biases, norms and all other payloads as they are

  double entropy() const noexcept { return position_entropy + value_entropy; }
  /// What the container with Huffman codes may take.
  double bound() const noexcept;
  double ratio() const noexcept;  ///< of whole files, with Huffman codes
};

/// Prunes and shares a model below the folder `models`, and writes it to `to`. Throws Error.
void prune_and_share(const SizeCase& size_case, const std::filesystem::path& models,
                     const std::filesystem::path& to);

/// Prunes, shares and packs a model below the folder `models`. Throws Error.
SizeFigure measure_size(const SizeCase& size_case, const std::filesystem::path& models);

/// Every term of the bound beside what the container takes for it, and the ratios.
std::string describe(const SizeCase& size_case, const SizeFigure& figure);

}  // namespace qc::figures
