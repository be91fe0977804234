#include "emit/export_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "core/error.h"
#include "emit/decoding.h"
#include "emit/embed_data.h"
#include "emit/raise_opset.h"
#include "formats/onnx/tensor_elements.h"

namespace qc {
namespace {

// A tensor with a name in a graph: an initializer, or the value of a Constant node.
struct Candidate {
  const void* element = nullptr;  // the Initializer or Node of the model's graph
  std::string name;
  const TensorInfo* tensor = nullptr;
  std::uint64_t bytes = 0;  // in the files
  std::string reason;       // why it is left alone
  bool is_input = false;
};

constexpr std::int64_t kFirstWithFreeInitializers = 4;

// The names that nodes of a graph and of those inside it read.
void add_read_names(const Graph& graph, std::set<std::string, std::less<>>& names) {
  for (const Node& node : graph.nodes) {
    names.insert(node.inputs.begin(), node.inputs.end());
    each_subgraph(node, [&](const Graph& inner) { add_read_names(inner, names); });
  }
}

class Candidates {
 public:
  explicit Candidates(const OnnxModel& model) : model_(model) {
    const ModelGraph& graph = *model.graph();
    add_read_names(graph.main, read_);
    for (const TrainingGraphs& training : graph.training) {
      bound_.insert(training.bound.begin(), training.bound.end());
    }
    add(graph.main);
  }

  const std::vector<Candidate>& all() const noexcept { return all_; }

 private:
  static bool has(const std::vector<std::string>& names, const std::string& name) {
    return std::ranges::find(names, name) != names.end();
  }

  void add(const Graph& graph) {
    std::map<std::string, int> uses;
    for (const Initializer& each : graph.initializers) ++uses[each.name];
    for (const Initializer& each : graph.initializers) {
      std::string reason;
      if (each.tensor.sparse) reason = "sparse already";
      if (uses[each.name] > 1) reason = "its name is not unique";
      if (each.is_input && model_.graph()->ir_version >= kFirstWithFreeInitializers) {
        reason = "an input, which may be given another value";
      }
      add(&each, each.name, each.tensor, each.origin.size(), graph, std::move(reason));
      if (!all_.empty() && all_.back().element == &each) all_.back().is_input = each.is_input;
    }
    for (const Node& node : graph.nodes) {
      const auto* value = node.get<GraphTensor>("value");
      if (node.is_standard("Constant") && value != nullptr && node.outputs.size() == 1) {
        add(&node, node.outputs.front(), *value, node.origin.size(), graph,
            value->sparse ? "sparse already" : "");
      }
      each_subgraph(node, [&](const Graph& inner) { add(inner); });
    }
  }

  void add(const void* element, const std::string& name, const GraphTensor& place,
           std::uint64_t bytes, const Graph& graph, std::string reason) {
    const TensorInfo& tensor = model_.tensors()[place.index];
    if (!is_value_type(tensor.type)) return;
    if (std::ranges::count(graph.outputs, name, &GraphValue::name) > 0) {
      reason = "an output of its graph";
    } else if (!read_.contains(name)) {
      reason = "not used";
    } else if (has(graph.annotated, name)) {
      reason = "named by a quantisation annotation";
    } else if (bound_.contains(name)) {
      reason = "trained by the model's training information";
    }
    if (tensor.storage == Storage::kExternal) bytes += tensor.size;
    all_.push_back({element, name, &tensor, bytes, std::move(reason), false});
  }

  const OnnxModel& model_;
  std::set<std::string, std::less<>> read_;
  std::set<std::string, std::less<>> bound_;
  std::vector<Candidate> all_;
};

bool is_of(const TensorForm& form, FormFamily family) {
  return std::ranges::find(form.families, family) != form.families.end();
}

// The smallest way to write a tensor that takes less than the plain one. Of the family kQdq, a form
// that only this has goes before the others.
struct Choice {
  std::optional<Decoding> decoding;
  std::string_view form = kPlainForm;
};

Choice choose(const TensorCodes& tensor, const Candidate& candidate, const CommonParts& common,
              std::int64_t opset, const ExportOptions& options) {
  Choice best;
  bool best_is_integers = false;
  for (const TensorForm& form : tensor_forms()) {
    if (!is_of(form, options.family) || opset < form.opset) continue;
    if (options.allows && !options.allows(form)) continue;
    const bool is_integers = form.families.size() == 1 && form.families[0] == FormFamily::kQdq;
    if (best_is_integers && !is_integers) continue;
    Decoding decoding(common, candidate.name);
    if (!form.make(tensor, opset, decoding) || decoding.bytes() >= candidate.bytes) continue;
    if (best.decoding && decoding.bytes() >= best.decoding->bytes()) continue;
    best = {std::move(decoding), form.name};
    best_is_integers = is_integers;
  }
  return best;
}

// Puts decodings in the place of tensors, in a copy of the model's graph.
class Rewriter {
 public:
  Rewriter(const OnnxModel& model, EditedGraph& edited, const CommonParts& common,
           const std::map<const void*, Decoding>& decodings)
      : model_(model), edited_(edited), common_(common), decodings_(decodings) {}

  void run() {
    const Graph& main = model_.graph()->main;
    Graph after = main;
    rewrite(main, after);
    std::vector<Node> nodes;
    for (const NamedTensor& constant : common_.constants()) add_tensor(constant, after, nodes);
    prepend(std::move(nodes), after);
    edited_.graph.main = std::move(after);
  }

 private:
  static void prepend(std::vector<Node> nodes, Graph& graph) {
    graph.nodes.insert(graph.nodes.begin(), std::make_move_iterator(nodes.begin()),
                       std::make_move_iterator(nodes.end()));
  }

  void add_tensor(const NamedTensor& tensor, Graph& graph, std::vector<Node>& nodes) {
    const GraphTensor place = edited_.add(tensor.value);
    if (common_.constant_nodes()) {
      nodes.push_back(constant_node(tensor.name, place));
      return;
    }
    const auto is_sparse = [](const Initializer& each) { return each.tensor.sparse.has_value(); };
    graph.initializers.insert(std::ranges::find_if(graph.initializers, is_sparse),
                              {tensor.name, place});
  }

  void add(const Decoding& decoding, Graph& graph, std::vector<Node>& nodes) {
    for (const NamedTensor& tensor : decoding.tensors()) add_tensor(tensor, graph, nodes);
    nodes.insert(nodes.end(), decoding.nodes().begin(), decoding.nodes().end());
  }

  // `after` is a copy of `before`, whose elements are those that decodings are known by.
  bool rewrite(const Graph& before, Graph& after) {
    bool changed = false;
    std::vector<Node> first;
    std::vector<Initializer> kept;
    std::vector<const Decoding*> decoded;
    for (const Initializer& each : before.initializers) {
      const auto found = decodings_.find(&each);
      if (found == decodings_.end()) {
        kept.push_back(each);
      } else {
        decoded.push_back(&found->second);
      }
    }
    changed = !decoded.empty();
    after.initializers = std::move(kept);
    for (const Decoding* each : decoded) add(*each, after, first);
    std::vector<Node> nodes;
    for (const Node& node : before.nodes) {
      const auto found = decodings_.find(&node);
      if (found != decodings_.end()) {
        add(found->second, after, nodes);
        changed = true;
        continue;
      }
      nodes.push_back(node);
      changed |= rewrite_subgraphs(nodes.back());
    }
    after.nodes = std::move(nodes);
    prepend(std::move(first), after);
    return changed;
  }

  bool rewrite_subgraphs(Node& node) {
    using One = std::shared_ptr<const Graph>;
    bool changed = false;
    const auto replace = [&](One& graph) {
      auto copy = std::make_shared<Graph>(*graph);
      if (!rewrite(*graph, *copy)) return;
      graph = std::move(copy);
      changed = true;
    };
    for (Attribute& attribute : node.attributes) {
      if (auto* one = std::get_if<One>(&attribute.value)) replace(*one);
      if (auto* all = std::get_if<std::vector<One>>(&attribute.value)) {
        for (One& each : *all) replace(each);
      }
    }
    return changed;
  }

  const OnnxModel& model_;
  EditedGraph& edited_;
  const CommonParts& common_;
  const std::map<const void*, Decoding>& decodings_;
};

std::int64_t most_needed_opset(FormFamily family) {
  return family == FormFamily::kCompact ? 11 : family == FormFamily::kQdq ? 10 : 7;
}

}  // namespace

ExportedModel export_model(const OnnxModel& in_files, const ExportOptions& options) {
  const OnnxModel model = embed_data(in_files);
  EditedGraph edited = model.edit_graph();
  std::vector<std::string> notes;
  const std::int64_t needed = most_needed_opset(options.family);
  const std::int64_t before = edited.graph.opset();
  if (const std::string obstacle = raise_opset(edited.graph, needed); !obstacle.empty()) {
    notes.push_back(fmt::format("{}: only forms that opset {} has are used", obstacle, before));
  } else if (before < needed) {
    notes.push_back(
        fmt::format("opset {} became {}, where all nodes mean the same", before, needed));
  }
  const std::int64_t opset = edited.graph.opset();
  constexpr std::int64_t kFirstWithForms = 7;
  if (opset < kFirstWithForms) {
    throw Error(ErrorCode::kUnsupported,
                fmt::format("the model is of opset {}; its weights can be coded from opset {} on: "
                            "convert it with ONNX's version converter, or export it --as float",
                            opset, kFirstWithForms));
  }

  const Candidates candidates(model);
  CommonParts common(edited.graph);
  std::map<const void*, Decoding> decodings;
  std::vector<ExportedTensor> tensors;
  std::vector<std::size_t> order;
  std::size_t inputs = 0;
  for (const Candidate& each : candidates.all()) {
    order.push_back(tensors.size());
    tensors.push_back(
        {each.name, kPlainForm, each.tensor->count(), each.bytes, each.bytes, each.reason});
  }
  // Large tensors first: what they need in common with others is there for the small ones.
  std::ranges::stable_sort(order, std::greater<>(),
                           [&](std::size_t i) { return tensors[i].bytes; });
  for (const std::size_t i : order) {
    const Candidate& candidate = candidates.all()[i];
    const TensorInfo& tensor = *candidate.tensor;
    if (!candidate.reason.empty() || tensor.count() < 2) continue;
    const TensorCodes codes = find_codes(tensor.type, tensor.dims, tensor.channel_axis,
                                         tensor_elements(tensor, model.payload(tensor)));
    Choice choice = choose(codes, candidate, common, opset, options);
    if (!choice.decoding) continue;
    choice.decoding->keep(common);
    tensors[i].form = choice.form;
    tensors[i].bytes = choice.decoding->bytes();
    decodings.emplace(candidate.element, std::move(*choice.decoding));
    if (candidate.is_input) ++inputs;
  }
  if (inputs > 0) {
    notes.push_back(fmt::format(
        "{} weights are no inputs of the model any more, as which its old format lists them",
        inputs));
  }
  if (decodings.empty()) return {model, std::move(tensors), std::move(notes)};
  Rewriter(model, edited, common, decodings).run();
  return {model.with_graph(std::move(edited)), std::move(tensors), std::move(notes)};
}

}  // namespace qc
