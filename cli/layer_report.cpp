#include "cli/layer_report.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "cli/judging.h"
#include "cli/table.h"
#include "cli/text.h"
#include "report/breakdown.h"

namespace qc {

std::vector<ReportedLayer> report_layers(const OnnxModel& reference, const OnnxModel& other,
                                         Engine& engine, RunInputs inputs, const QcReader* reader) {
  inputs.count = std::min(inputs.count, kLayerSamples);
  std::map<std::string, std::uint64_t> stored;
  if (reader != nullptr) {
    for (const TensorBreakdown& line : break_down(*reader, 1, BreakdownDepth::kIndex).tensors) {
      stored[line.tensor.name] = line.stored_bytes;
    }
  }
  std::vector<ReportedLayer> layers;
  for (LayerCloseness& layer : compare_layers(reference, other, engine, inputs)) {
    const auto found = stored.find(layer.tensor);
    layers.push_back({std::move(layer), std::nullopt});
    if (found != stored.end()) layers.back().stored_bytes = found->second;
  }
  return layers;
}

std::string layers_text(const std::vector<ReportedLayer>& layers) {
  Table table({"layer", "stored", "SNR of its outputs"});
  for (const ReportedLayer& layer : layers) {
    table.add_row({layer.closeness.tensor,
                   layer.stored_bytes ? size_text(*layer.stored_bytes) : "-",
                   metric_value_text(JudgedBy::kSnr, layer.closeness.snr_db)});
  }
  return table.text();
}

nlohmann::ordered_json layers_json(const std::vector<ReportedLayer>& layers) {
  nlohmann::ordered_json array = nlohmann::ordered_json::array();
  for (const ReportedLayer& layer : layers) {
    array.push_back({{"tensor", layer.closeness.tensor},
                     {"value", layer.closeness.value},
                     {"snr_db", number_or_null(layer.closeness.snr_db)}});
    if (layer.stored_bytes) array.back()["stored_bytes"] = *layer.stored_bytes;
  }
  return array;
}

}  // namespace qc
