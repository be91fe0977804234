#include "passes/constant_products.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "core/float_types.h"
#include "passes/kernels/product.h"

namespace qc {
namespace {

// float32 holds the product of two halves exactly, so that it is rounded once.
bool can_multiply(DataType type) noexcept {
  return type == DataType::kFloat || type == DataType::kFloat16;
}

// Types that are cast to floats: masks may be of any of them.
bool can_read(DataType type) noexcept {
  return can_multiply(type) || type == DataType::kBool || type == DataType::kUint8 ||
         type == DataType::kInt8;
}

std::vector<float> read_values(DataType type, ByteView payload) {
  if (can_multiply(type)) return load_floats(type, payload);
  std::vector<float> values;
  values.reserve(payload.size());
  for (const std::uint8_t byte : payload) {
    const float value = type == DataType::kInt8 ? static_cast<float>(static_cast<std::int8_t>(byte))
                                                : static_cast<float>(byte);
    values.push_back(type == DataType::kBool && byte != 0 ? 1.0F : value);
  }
  return values;
}

// A constant of the graph: a tensor of the model, or a product; cast to `types` in turn.
struct Known {
  std::string source;
  std::vector<DataType> types;  // its own first
  std::vector<std::int64_t> dims;
  std::optional<std::size_t> tensor;
  std::optional<std::size_t> product;

  DataType type() const { return types.back(); }
};

class Finder {
 public:
  Finder(const OnnxModel& model, bool computes)
      : model_(model), graph_(model.graph()->main), computes_(computes) {}

  void run() {
    std::set<std::string> fixed;  // values with a meaning outside of the graph
    for (const GraphValue& input : graph_.inputs) fixed.insert(input.name);
    for (const Initializer& each : graph_.initializers) {
      if (each.is_input) {
        fixed.insert(each.name);
      } else if (!each.tensor.sparse) {
        add(each.tensor, each.name);
      }
    }
    for (const GraphValue& output : graph_.outputs) fixed.insert(output.name);
    for (const Node& node : graph_.nodes) {
      if (node.outputs.size() != 1) continue;
      if (node.is_standard("Constant")) {
        const auto* value = node.get<GraphTensor>("value");
        if (value != nullptr && !value->sparse) add(*value, node.outputs.front());
      } else if (node.is_standard("Identity") && node.inputs.size() == 1) {
        if (const Known* known = find(node.inputs.front())) known_[node.outputs.front()] = *known;
      } else if (node.is_standard("Cast") && node.inputs.size() == 1) {
        add_cast(node);
      } else if (node.is_standard("Mul") && !fixed.contains(node.outputs.front())) {
        add_product(node);
      }
    }
  }

  std::vector<ConstantProduct> take() { return std::move(products_); }
  const std::vector<std::size_t>& factors() const { return factors_; }

 private:
  void add(const GraphTensor& constant, const std::string& value) {
    const TensorInfo& tensor = model_.tensors()[constant.index];
    if (!tensor.elements || !can_read(tensor.type) || tensor.count() == 0) return;
    known_[value] = {value, {tensor.type}, tensor.dims, constant.index, {}};
  }

  void add_cast(const Node& node) {
    const auto* to = node.get<std::int64_t>("to");
    const Known* known = find(node.inputs.front());
    if (to == nullptr || known == nullptr) return;
    const auto type = static_cast<DataType>(*to);
    if (!can_multiply(type)) return;
    Known cast = *known;
    cast.types.push_back(type);
    known_[node.outputs.front()] = std::move(cast);
  }

  const Known* find(const std::string& value) const {
    const auto found = known_.find(value);
    return found == known_.end() ? nullptr : &found->second;
  }

  // Operators before opset 7 say by attributes how they broadcast.
  void add_product(const Node& node) {
    if (node.inputs.size() != 2 || !node.attributes.empty()) return;
    const Known* a = find(node.inputs[0]);
    const Known* b = find(node.inputs[1]);
    if (a == nullptr || b == nullptr || a->type() != b->type() || !can_multiply(a->type())) return;
    auto dims = broadcast_shape(a->dims, b->dims);
    if (!dims) return;
    const auto count = [](const std::vector<std::int64_t>& shape) {
      return element_count(shape).value_or(0);
    };
    if (count(*dims) != std::max(count(a->dims), count(b->dims))) return;
    ConstantProduct product;
    product.output = node.outputs.front();
    product.factors = {node.inputs[0], node.inputs[1]};
    product.sources = {a->source, b->source};
    product.value.type = a->type();
    product.value.dims = *dims;
    if (computes_) {
      const std::vector<float> values =
          multiply(values_of(*a), a->dims, values_of(*b), b->dims, *dims);
      product.value.bytes.resize(values.size() * (data_type_bits(a->type()) / 8));
      store_floats(a->type(), values, product.value.bytes);
    }
    for (const Known* factor : {a, b}) {
      if (factor->tensor) factors_.push_back(*factor->tensor);
    }
    known_[product.output] = {product.output, {a->type()}, *dims, {}, products_.size()};
    products_.push_back(std::move(product));
  }

  std::vector<float> values_of(const Known& known) const {
    const ByteView payload = known.product ? ByteView(products_[*known.product].value.bytes)
                                           : model_.payload(model_.tensors()[*known.tensor]);
    std::vector<float> values = read_values(known.types.front(), payload);
    for (const DataType type : known.types) {
      if (!can_multiply(type)) continue;
      for (float& value : values) {
        value = static_cast<float>(stored_value(type, static_cast<double>(value)));
      }
    }
    return values;
  }

  const OnnxModel& model_;
  const Graph& graph_;
  bool computes_;
  std::map<std::string, Known, std::less<>> known_;
  std::vector<ConstantProduct> products_;
  std::vector<std::size_t> factors_;
};

}  // namespace

std::vector<ConstantProduct> compute_constant_products(const OnnxModel& model) {
  Finder finder(model, true);
  finder.run();
  return finder.take();
}

std::vector<std::size_t> product_factors(const OnnxModel& model) {
  Finder finder(model, false);
  finder.run();
  return finder.factors();
}

}  // namespace qc
