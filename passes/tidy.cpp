// What no output can tell apart becomes one thing: products of constants are multiplied out, unused
// parts and documentation go, and zeros lose their sign. The network computes the same.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <set>
#include <utility>

#include "core/error.h"
#include "core/zeros.h"
#include "formats/onnx/negative_zeros.h"
#include "formats/onnx/onnx_messages.h"
#include "graph/graph_editor.h"
#include "graph/unused_parts.h"
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

// Multiplies products of constants out, in a copy of a model's graph.
class Multiplier {
 public:
  explicit Multiplier(const OnnxModel& model)
      : products_(compute_constant_products(model)), edited_(model.edit_graph()) {}

  /// Names of the products that were taken out, with their factors.
  std::vector<std::string> run() {
    std::vector<std::string> names;
    if (products_.empty()) return names;
    GraphEditor editor(edited_);
    for (auto node = editor.begin(); node != editor.end();) {
      const auto product = std::ranges::find_if(products_, [&](const ConstantProduct& each) {
        return node->op == "Mul" && node->outputs.size() == 1 &&
               node->outputs.front() == each.output;
      });
      if (product == products_.end()) {
        ++node;
        continue;
      }
      node = editor.replace(node, std::move(product->value));
      names.push_back(fmt::format("{} = {} * {}", name_plainly(editor, *product),
                                  product->sources[0], product->sources[1]));
    }
    for (const ConstantProduct& product : products_) {
      for (const std::string& factor : product.factors) remove_factor(editor, factor);
    }
    editor.finish();
    return names;
  }

  EditedGraph take() { return std::move(edited_); }

 private:
  bool is_annotated() const { return !edited_.graph.main.annotated.empty(); }

  // The name of a product after it has, where possible, got that of the weights before masking.
  std::string name_plainly(GraphEditor& editor, const ConstantProduct& product) const {
    const auto plain = unmasked_name(product.sources);
    if (!plain || is_annotated() || editor.new_name(*plain) != *plain) return product.output;
    editor.rename(product.output, *plain);
    return *plain;
  }

  void remove_factor(GraphEditor& editor, const std::string& factor) const {
    if (is_annotated()) return;
    const Node* node = editor.producer(factor);
    const std::string source = node != nullptr && !node->inputs.empty() ? node->inputs.front() : "";
    editor.remove_unused(factor);
    if (!source.empty()) remove_factor(editor, source);
  }

  std::vector<ConstantProduct> products_;
  EditedGraph edited_;
};

// The model without nodes, tensors and functions that nothing uses; nothing when all are used.
std::optional<OnnxModel> without_unused(const OnnxModel& model, std::vector<Cleanup>& cleanups) {
  EditedGraph edited = model.edit_graph();
  const UnusedParts parts = remove_unused_parts(edited.graph);
  if (parts.nodes.empty() && parts.tensors.empty() && parts.functions.empty()) return std::nullopt;
  add_parts(cleanups, "nodes that nothing uses", parts.nodes);
  add_parts(cleanups, "tensors that nothing uses", parts.tensors);
  add_parts(cleanups, "functions that nothing calls", parts.functions);
  return model.with_graph(std::move(edited));
}

std::optional<OnnxModel> multiplied_out(const OnnxModel& model, std::vector<Cleanup>& cleanups) {
  Multiplier multiplier(model);
  Cleanup row;
  row.what = "products of two tensors (Mul)";
  row.names = multiplier.run();
  if (row.names.empty()) return std::nullopt;
  row.count = row.names.size();
  OnnxModel result = model.with_graph(multiplier.take());
  const auto size = [](const OnnxModel& of) {
    return static_cast<std::int64_t>(of.files().front().bytes.size());
  };
  row.bytes = size(model) - size(result);
  cleanups.push_back(std::move(row));
  return result;
}

std::optional<OnnxModel> without_docs(const OnnxModel& model, std::vector<Cleanup>& cleanups) {
  const DocStrings docs = count_doc_strings(model.files().front().bytes);
  if (docs.count == 0) return std::nullopt;
  cleanups.push_back({"doc strings", {}, docs.count, static_cast<std::int64_t>(docs.bytes), false});
  return model.with_graph(model.edit_graph(), is_doc_string);
}

std::optional<OnnxModel> rewrite(const OnnxModel& model, const Params& params,
                                 const PassContext& /*context*/, PassReport& report) {
  constexpr std::array<std::pair<Part, decltype(&without_unused)>, 3> kWork = {
      {{Part::kUnused, without_unused},
       {Part::kProducts, multiplied_out},
       {Part::kDocs, without_docs}}};
  const std::set<Part> parts = wanted(params);
  std::optional<OnnxModel> result;
  for (const auto& [part, work] : kWork) {
    if (!parts.contains(part)) continue;
    if (auto changed = work(result ? *result : model, report.cleanups)) result = std::move(changed);
  }
  return result;
}

PassReport run(const OnnxModel& model, const Params& params, const PassContext& context,
               PayloadEdits& edits) {
  PassReport report;
  if (!wanted(params).contains(Part::kZeros)) return report;
  const std::vector<NegativeZeros> found = find_negative_zeros(model, context.threads);
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
  parallel_for(removable.size(), context.threads, [&](std::size_t i) {
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
