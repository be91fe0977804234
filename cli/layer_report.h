// What commands print of the layers of a changed network.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "formats/qc/read/qc_reader.h"
#include "pipeline/layer_closeness.h"

namespace qc {

/// A layer, and what its tensor takes in a container.
struct ReportedLayer {
  LayerCloseness closeness;
  std::optional<std::uint64_t> stored_bytes;  ///< where there is a container
};

/// Compares the layers of two models on the first of the samples, `kLayerSamples` at most.
/// `reader`, of the container with the other model, may be null.
std::vector<ReportedLayer> report_layers(const OnnxModel& reference, const OnnxModel& other,
                                         Engine& engine, RunInputs inputs, const QcReader* reader);

inline constexpr std::size_t kLayerSamples = 20;

std::string layers_text(const std::vector<ReportedLayer>& layers);
/// The member "layers", as JSON.md has it.
nlohmann::ordered_json layers_json(const std::vector<ReportedLayer>& layers);

}  // namespace qc
