#include "pipeline/layer_closeness.h"

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "formats/onnx/load_tensors.h"
#include "graph/matrix_form.h"
#include "pipeline/output_metrics.h"

namespace qc {
namespace {

// A network whose outputs are those values.
std::unique_ptr<Network> network_giving(const OnnxModel& model, Engine& engine,
                                        const std::vector<LayerCloseness>& layers) {
  LoadedModel loaded = load_model(model);
  ModelGraph graph = *loaded.graph;
  graph.main.outputs.clear();
  for (const LayerCloseness& layer : layers) {
    graph.main.outputs.push_back({.name = layer.value, .dims = {}});
  }
  loaded.graph = std::make_shared<const ModelGraph>(std::move(graph));
  return engine.load(std::move(loaded));
}

std::vector<LayerCloseness> common_layers(const OnnxModel& reference, const OnnxModel& other) {
  std::set<std::string> values;
  for (const Node& node : other.graph()->main.nodes) {
    values.insert(node.outputs.begin(), node.outputs.end());
  }
  // By the number of the node; recurrent ones have several tensors.
  std::multimap<std::size_t, LayerCloseness> layers;
  for (const auto& [tensor, uses] : matrix_uses(reference.graph()->main)) {
    const Node& node = *uses.back().node;
    const std::string& value = node.outputs.front();
    if (!value.empty() && values.contains(value)) {
      layers.insert({node.number, {reference.tensors()[tensor].name, value, 0}});
    }
  }
  std::vector<LayerCloseness> all;
  for (auto& [number, layer] : layers) all.push_back(std::move(layer));
  return all;
}

}  // namespace

std::vector<LayerCloseness> compare_layers(const OnnxModel& reference, const OnnxModel& other,
                                           Engine& engine, const RunInputs& inputs) {
  std::vector<LayerCloseness> layers = common_layers(reference, other);
  if (layers.empty()) return layers;
  const auto expected = network_giving(reference, engine, layers);
  const auto changed = network_giving(other, engine, layers);
  std::vector<std::vector<SampleCloseness>> samples(layers.size());
  for (std::size_t i = 0; i < inputs.count; ++i) {
    const std::vector<HostTensor> values = inputs.load(i);
    const std::vector<HostTensor> before = expected->run(values);
    const std::vector<HostTensor> after = changed->run(values);
    for (std::size_t k = 0; k < layers.size(); ++k) {
      samples[k].push_back(compare_outputs({layers[k].value}, before[k], after[k]));
    }
  }
  for (std::size_t k = 0; k < layers.size(); ++k) {
    layers[k].snr_db = output_metrics({layers[k].value}, samples[k]).snr_db;
  }
  return layers;
}

}  // namespace qc
