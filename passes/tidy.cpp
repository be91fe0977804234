// What no output can tell apart becomes one thing: products of constants are multiplied out, unused
// parts and documentation go, and zeros lose their sign. The network computes the same.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <set>
#include <utility>

#include "core/error.h"
#include "core/zeros.h"
#include "formats/onnx/graph_editor.h"
#include "formats/onnx/model_skeleton.h"
#include "formats/onnx/skeleton.h"
#include "formats/onnx/unused_parts.h"
#include "formats/onnx/zero_signs.h"
#include "passes/constant_products.h"
#include "passes/outcome.h"
#include "passes/pass.h"
#include "system/parallel.h"

namespace qc {
namespace {

// The parts of the work.
enum class Part { kProducts, kUnused, kDocs, kZeros };
constexpr auto kParts = make_choices<Part>({{"products", Part::kProducts},
                                            {"unused", Part::kUnused},
                                            {"docs", Part::kDocs},
                                            {"zeros", Part::kZeros}});

constexpr std::array kParams = {
    ParamSpec{.name = "keep",
              .kind = ParamKind::kList,
              .placeholder = "WHAT",
              .help = "leave as it is: products (of two constants by Mul), unused (nodes, tensors "
                      "and functions), docs (doc strings) or zeros (negative ones); may be "
                      "repeated"},
};

// The parts that are wanted.
std::set<Part> wanted(const Params& params) {
  std::set<Part> parts = {Part::kProducts, Part::kUnused, Part::kDocs, Part::kZeros};
  for (const std::string& kept : params.list("keep")) {
    const std::optional<Part> part = kParts.find(kept);
    if (!part) {
      throw Error(ErrorCode::kUsage,
                  fmt::format("--keep {}: it is products, unused, docs or zeros", kept));
    }
    parts.erase(*part);
  }
  return parts;
}

void add_parts(std::vector<Cleanup>& cleanups, const std::string& what,
               const std::vector<RemovedPart>& parts) {
  if (parts.empty()) return;
  Cleanup row;
  row.what = what;
  row.count = parts.size();
  for (const RemovedPart& part : parts) {
    row.names.push_back(part.name);
    row.bytes += static_cast<std::int64_t>(part.bytes);
  }
  cleanups.push_back(std::move(row));
}

// "conv1.weight" for "conv1.weight_orig" and "conv1.weight_mask", as PyTorch names them.
std::optional<std::string> unmasked_name(const std::array<std::string, 2>& sources) {
  constexpr std::string_view kOriginal = "_orig";
  for (const std::string& source : sources) {
    if (!source.ends_with(kOriginal)) continue;
    const std::string name = source.substr(0, source.size() - kOriginal.size());
    const std::string mask = name + "_mask";
    if (std::ranges::find(sources, mask) != sources.end()) return name;
  }
  return std::nullopt;
}

class GraphTidier {
 public:
  GraphTidier(onnx::ModelProto& proto, const std::set<Part>& parts,
              std::vector<ConstantProduct>& products)
      : proto_(proto), parts_(parts), products_(products) {}

  std::vector<Cleanup> run() {
    if (parts_.contains(Part::kUnused)) remove_unused();
    if (parts_.contains(Part::kProducts) && !products_.empty()) multiply_out();
    if (parts_.contains(Part::kDocs)) {
      const RemovedDocs docs = remove_doc_strings(proto_);
      if (docs.count > 0) {
        cleanups_.push_back(
            {"doc strings", {}, docs.count, static_cast<std::int64_t>(docs.bytes), false});
      }
    }
    return std::move(cleanups_);
  }

 private:
  void remove_unused() {
    const UnusedParts parts = remove_unused_parts(proto_);
    add_parts(cleanups_, "nodes that nothing uses", parts.nodes);
    add_parts(cleanups_, "tensors that nothing uses", parts.tensors);
    add_parts(cleanups_, "functions that nothing calls", parts.functions);
  }

  void multiply_out() {
    Cleanup row;
    row.what = "products of two tensors (Mul)";
    const auto before = static_cast<std::int64_t>(proto_.ByteSizeLong());
    GraphEditor editor(proto_);
    for (auto node = editor.begin(); node != editor.end();) {
      const auto product = std::ranges::find_if(products_, [&](const ConstantProduct& each) {
        return node->op_type() == "Mul" && node->output_size() == 1 &&
               node->output(0) == each.output;
      });
      if (product == products_.end()) {
        ++node;
        continue;
      }
      node = editor.replace(node, as_proto(*product));
      row.names.push_back(fmt::format("{} = {} * {}", name_plainly(editor, *product),
                                      product->sources[0], product->sources[1]));
    }
    if (row.names.empty()) return editor.finish();
    for (const ConstantProduct& product : products_) {
      for (const std::string& factor : product.factors) remove_factor(editor, factor);
    }
    editor.finish();
    row.count = row.names.size();
    row.bytes = before - static_cast<std::int64_t>(proto_.ByteSizeLong());
    cleanups_.push_back(std::move(row));
  }

  bool is_annotated() const { return proto_.graph().quantization_annotation_size() > 0; }

  // The name of a product after it has, where possible, got that of the weights before masking.
  std::string name_plainly(GraphEditor& editor, const ConstantProduct& product) const {
    const auto plain = unmasked_name(product.sources);
    if (!plain || is_annotated() || editor.new_name(*plain) != *plain) return product.output;
    editor.rename(product.output, *plain);
    return *plain;
  }

  void remove_factor(GraphEditor& editor, const std::string& factor) const {
    if (is_annotated()) return;
    const onnx::NodeProto* node = editor.producer(factor);
    const std::string source = node != nullptr && node->input_size() > 0 ? node->input(0) : "";
    editor.remove_unused(factor);
    if (!source.empty()) remove_factor(editor, source);
  }

  static onnx::TensorProto as_proto(ConstantProduct& product) {
    onnx::TensorProto tensor;
    tensor.set_data_type(static_cast<std::int32_t>(product.value.type));
    for (const std::int64_t dim : product.value.dims) tensor.add_dims(dim);
    const Bytes bytes = std::exchange(product.value.bytes, {});
    tensor.set_raw_data(bytes.data(), bytes.size());
    return tensor;
  }

  onnx::ModelProto& proto_;
  const std::set<Part>& parts_;
  std::vector<ConstantProduct>& products_;
  std::vector<Cleanup> cleanups_;
};

bool is_too_large(const OnnxModel& model, const std::vector<ConstantProduct>& products) {
  std::uint64_t bytes = model.files().front().bytes.size();
  for (const ConstantProduct& product : products) {
    bytes += element_count(product.value.dims).value_or(0) * data_type_bits(product.value.type) / 8;
  }
  return bytes > static_cast<std::uint64_t>(std::numeric_limits<std::int32_t>::max());
}

std::optional<OnnxModel> rewrite(const OnnxModel& model, const Params& params, PassReport& report) {
  const std::set<Part> parts = wanted(params);
  const onnx::ModelProto skeleton = read_skeleton(model);
  std::vector<ConstantProduct> products;
  if (parts.contains(Part::kProducts)) products = find_constant_products(model, skeleton);
  // Without the payloads it is cheap to see whether there is anything to do.
  onnx::ModelProto tried = skeleton;
  if (GraphTidier(tried, parts, products).run().empty()) return std::nullopt;
  if (is_too_large(model, products)) {
    report.notes.emplace_back(
        "the .onnx file is, or would be, over 2 GB: its graph stays as it is; move the weights to "
        "external data first");
    return std::nullopt;
  }
  if (!products.empty()) products = compute_constant_products(model, skeleton);
  return with_changed_graph(model, [&](onnx::ModelProto& proto) {
    report.cleanups = GraphTidier(proto, parts, products).run();
  });
}

PassReport run(const OnnxModel& model, const Params& params, unsigned threads,
               PayloadEdits& edits) {
  PassReport report;
  if (!wanted(params).contains(Part::kZeros)) return report;
  const std::vector<NegativeZeros> found = find_negative_zeros(model, threads);
  std::vector<const NegativeZeros*> removable;
  for (const NegativeZeros& one : found) {
    const TensorInfo& tensor = model.tensors()[one.tensor];
    if (one.reader.empty()) {
      removable.push_back(&one);
      continue;
    }
    report.skipped.push_back({tensor.name, tensor.count(),
                              fmt::format("its {} negative zeros may be told apart by {}",
                                          one.zeros.negative, one.reader)});
  }
  std::vector<Bytes> payloads(removable.size());
  report.changed.resize(removable.size());
  parallel_for(removable.size(), threads, [&](std::size_t i) {
    const TensorInfo& tensor = model.tensors()[removable[i]->tensor];
    const ByteView payload = model.payload(tensor);
    payloads[i].assign(payload.begin(), payload.end());
    make_zeros_positive(tensor.type, payloads[i]);
    report.changed[i] = measure(model, tensor, payloads[i]);
  });
  if (removable.empty()) return report;
  Cleanup row;
  row.what = "negative zeros";
  row.packed = true;
  double cost = 0;
  row.count = removable_zeros(found, cost).negative;
  row.bytes = std::llround(cost);
  for (std::size_t i = 0; i < removable.size(); ++i) {
    const TensorInfo& tensor = model.tensors()[removable[i]->tensor];
    row.names.push_back(fmt::format("{} in {}", removable[i]->zeros.negative, tensor.name));
    edits[removable[i]->tensor] = std::move(payloads[i]);
  }
  report.cleanups.push_back(std::move(row));
  return report;
}

}  // namespace

const Pass kTidyPass{
    .name = "tidy",
    .suffix = "tidy",
    .help = "Take out what changes no output: negative zeros, masks, unused parts, doc strings.",
    .example = "qcompress tidy masked.onnx   # -> masked.tidy.onnx, smaller when packed",
    .params = kParams,
    .run = run,
    .rewrite = rewrite,
    .exact = true,
};

}  // namespace qc
