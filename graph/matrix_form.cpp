#include "graph/matrix_form.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <unordered_map>

namespace qc {
namespace {

using Dims = std::span<const std::int64_t>;

std::size_t product(Dims dims) {
  std::size_t result = 1;
  for (const std::int64_t dim : dims) result *= static_cast<std::size_t>(dim);
  return result;
}

std::size_t size_of(Dims dims, std::size_t axis) { return static_cast<std::size_t>(dims[axis]); }

bool is_set(const Node& node, std::string_view attribute) {
  const auto* value = node.get<std::int64_t>(attribute);
  return value != nullptr && *value != 0;
}

// The last two dimensions as a matrix of rows and columns, or, transposed, of columns and rows.
MatrixForm stacked(Dims dims, bool transposed) {
  const std::size_t first = size_of(dims, dims.size() - 2);
  const std::size_t second = size_of(dims, dims.size() - 1);
  MatrixForm form;
  form.groups = product(dims.first(dims.size() - 2));
  form.group_stride = first * second;
  form.rows = transposed ? second : first;
  form.columns = transposed ? first : second;
  form.row_stride = transposed ? 1 : second;
  form.inner = transposed ? 1 : second;
  form.outer_stride = second;
  return form;
}

// {filters, channels / groups, taps...}
std::optional<MatrixForm> convolution(const Node& node, Dims dims) {
  if (dims.size() < 3) return std::nullopt;
  const auto* group = node.get<std::int64_t>("group");
  const std::size_t groups = group != nullptr ? static_cast<std::size_t>(*group) : 1;
  const std::size_t filters = size_of(dims, 0);
  if (groups == 0 || filters % groups != 0) return std::nullopt;
  const std::size_t columns = product(dims.subspan(1));
  return MatrixForm{.groups = groups,
                    .rows = filters / groups,
                    .columns = columns,
                    .group_stride = filters / groups * columns,
                    .row_stride = columns,
                    .inner = std::max<std::size_t>(columns, 1),
                    .outer_stride = columns};
}

// {channels, filters / groups, taps...}: a column is a channel and a tap.
std::optional<MatrixForm> transposed_convolution(const Node& node, Dims dims) {
  if (dims.size() < 3) return std::nullopt;
  const auto* group = node.get<std::int64_t>("group");
  const std::size_t groups = group != nullptr ? static_cast<std::size_t>(*group) : 1;
  const std::size_t channels = size_of(dims, 0);
  if (groups == 0 || channels % groups != 0) return std::nullopt;
  const std::size_t filters = size_of(dims, 1);
  const std::size_t taps = product(dims.subspan(2));
  return MatrixForm{.groups = groups,
                    .rows = filters,
                    .columns = channels / groups * taps,
                    .group_stride = channels / groups * filters * taps,
                    .row_stride = taps,
                    .inner = std::max<std::size_t>(taps, 1),
                    .outer_stride = filters * taps};
}

// The left matrix of a Gemm is A' of rows x columns, the right one B' of columns x rows.
std::optional<MatrixForm> gemm_left(const Node& node, Dims dims) {
  if (dims.size() != 2) return std::nullopt;
  return stacked(dims, is_set(node, "transA"));
}
std::optional<MatrixForm> gemm_right(const Node& node, Dims dims) {
  if (dims.size() != 2) return std::nullopt;
  return stacked(dims, !is_set(node, "transB"));
}

std::optional<MatrixForm> product_left(const Node& /*node*/, Dims dims) {
  if (dims.size() < 2) return std::nullopt;
  return stacked(dims, /*transposed=*/false);
}
std::optional<MatrixForm> product_right(const Node& /*node*/, Dims dims) {
  if (dims.size() < 2) return std::nullopt;
  return stacked(dims, /*transposed=*/true);
}

// A factor whose last two dimensions are swapped where an attribute says so. One whose batch is
// moved behind the rows is no stack of matrices.
std::optional<MatrixForm> fused_left(const Node& node, Dims dims) {
  if (dims.size() < 2 || is_set(node, "transBatchA")) return std::nullopt;
  return stacked(dims, is_set(node, "transA"));
}
std::optional<MatrixForm> fused_right(const Node& node, Dims dims) {
  if (dims.size() < 2 || is_set(node, "transBatchB")) return std::nullopt;
  return stacked(dims, !is_set(node, "transB"));
}

// {directions, gates * hidden, inputs}
std::optional<MatrixForm> recurrent(const Node& node, Dims dims) {
  if (dims.size() != 3) return std::nullopt;
  return product_left(node, dims);
}

// {entries, ...}: a column is an entry.
std::optional<MatrixForm> table(const Node& node, Dims dims) {
  const auto* axis = node.get<std::int64_t>("axis");
  if (dims.size() < 2 || (axis != nullptr && *axis != 0)) return std::nullopt;
  const std::size_t rows = product(dims.subspan(1));
  return MatrixForm{.groups = 1,
                    .rows = rows,
                    .columns = size_of(dims, 0),
                    .group_stride = product(dims),
                    .row_stride = 1,
                    .inner = 1,
                    .outer_stride = rows,
                    .is_table = true};
}

struct ProductOperator {
  std::string_view op;
  std::string_view domain;
  std::size_t input;
  std::optional<MatrixForm> (*form)(const Node& node, Dims dims);
};

constexpr std::array kProducts = std::to_array<ProductOperator>({
    {"Conv", "", 1, convolution},
    {"FusedConv", "com.microsoft", 1, convolution},
    {"ConvTranspose", "", 1, transposed_convolution},
    {"Gemm", "", 0, gemm_left},
    {"Gemm", "", 1, gemm_right},
    {"MatMul", "", 0, product_left},
    {"MatMul", "", 1, product_right},
    {"FusedGemm", "com.microsoft", 0, gemm_left},
    {"FusedGemm", "com.microsoft", 1, gemm_right},
    {"FusedMatMul", "com.microsoft", 0, fused_left},
    {"FusedMatMul", "com.microsoft", 1, fused_right},
    {"Attention", "com.microsoft", 1, product_right},
    {"LSTM", "", 1, recurrent},
    {"LSTM", "", 2, recurrent},
    {"GRU", "", 1, recurrent},
    {"GRU", "", 2, recurrent},
    {"RNN", "", 1, recurrent},
    {"RNN", "", 2, recurrent},
    {"Gather", "", 0, table},
});

const ProductOperator* find_product(const Node& node, std::size_t input) {
  const auto found = std::ranges::find_if(kProducts, [&](const ProductOperator& row) {
    return row.op == node.op && row.domain == node.domain && row.input == input;
  });
  return found == kProducts.end() ? nullptr : &*found;
}

}  // namespace

std::vector<float> MatrixForm::gather(std::span<const float> tensor) const {
  std::vector<float> matrices;
  matrices.reserve(size());
  for (std::size_t g = 0; g < groups; ++g) {
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t c = 0; c < columns; ++c) matrices.push_back(tensor[element(g, r, c)]);
    }
  }
  return matrices;
}

void MatrixForm::scatter(std::span<const float> matrices, std::span<float> tensor) const {
  auto value = matrices.begin();
  for (std::size_t g = 0; g < groups; ++g) {
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t c = 0; c < columns; ++c) tensor[element(g, r, c)] = *value++;
    }
  }
}

std::optional<MatrixForm> matrix_form(const Node& node, std::size_t input, Dims dims) {
  const ProductOperator* row = find_product(node, input);
  if (row == nullptr || std::ranges::any_of(dims, [](std::int64_t dim) { return dim < 1; })) {
    return std::nullopt;
  }
  return row->form(node, dims);
}

std::map<std::size_t, std::vector<MatrixUse>> matrix_uses(const Graph& graph) {
  std::unordered_map<std::string_view, std::size_t> constants;
  for (const Initializer& each : graph.initializers) {
    if (!each.tensor.sparse) constants[each.name] = each.tensor.index;
  }
  std::map<std::size_t, std::vector<MatrixUse>> uses;
  for (const Node& node : graph.nodes) {
    if (node.is_standard("Constant") && !node.outputs.empty()) {
      const auto* value = node.get<GraphTensor>("value");
      if (value != nullptr && !value->sparse) constants[node.outputs.front()] = value->index;
    }
    if (node.is_standard("Identity") && !node.inputs.empty() && !node.outputs.empty()) {
      const auto found = constants.find(node.inputs.front());
      if (found != constants.end()) constants[node.outputs.front()] = found->second;
    }
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      const auto found = constants.find(node.inputs[i]);
      if (found == constants.end() || find_product(node, i) == nullptr) continue;
      uses[found->second].push_back({&node, i});
    }
  }
  return uses;
}

}  // namespace qc
