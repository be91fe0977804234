#include <nlohmann/json.hpp>

#include "cli/inspect.h"

namespace qc {
namespace {

const char* placement_name(Placement placement) {
  switch (placement) {
    case Placement::kOwn:
      return "own";
    case Placement::kPooled:
      return "pooled";
    case Placement::kRepeat:
      return "repeat";
    case Placement::kGraph:
      break;
  }
  return "graph";
}

nlohmann::ordered_json tensor_json(const TensorBreakdown& line) {
  const TensorInfo& tensor = line.tensor;
  nlohmann::ordered_json object = {{"name", tensor.name},
                                   {"type", data_type_name(tensor.type)},
                                   {"dims", tensor.dims},
                                   {"role", role_name(tensor.role)},
                                   {"op", tensor.op},
                                   {"bytes", tensor.size},
                                   {"stored_bytes", line.stored_bytes},
                                   {"placement", placement_name(line.placement)},
                                   {"layout", line.layout},
                                   {"nonzero", nullptr},
                                   {"negative_zeros", nullptr},
                                   {"distinct_nonzero", nullptr},
                                   {"weight_bits", line.value_bits()},
                                   {"weight_bits_coded", nullptr},
                                   {"index_bits", line.index_bits()},
                                   {"index_bits_coded", nullptr},
                                   {"bits_per_element", line.bits_per_element()},
                                   {"weight_bytes", line.stats.value_bytes},
                                   {"index_bytes", line.stats.index_bytes},
                                   {"codebook_bytes", line.stats.codebook_bytes},
                                   {"table_bytes", line.stats.table_bytes}};
  if (line.measured) {
    object["nonzero"] = line.nonzeros;
    object["negative_zeros"] = line.negative_zeros;
    object["distinct_nonzero"] = line.distinct;
    object["weight_bits_coded"] = line.coded_value_bits();
    object["index_bits_coded"] = line.coded_index_bits();
  }
  object["floor_bytes"] = nullptr;
  if (line.has_floor()) object["floor_bytes"] = line.floor_bytes();
  return object;
}

nlohmann::ordered_json values_json(const std::vector<GraphValue>& values) {
  auto all = nlohmann::ordered_json::array();
  for (const GraphValue& value : values) {
    nlohmann::ordered_json json = {{"name", value.name}, {"type", data_type_name(value.type)}};
    json["dims"] = nullptr;
    if (value.has_shape) json["dims"] = value.dims;
    all.push_back(std::move(json));
  }
  return all;
}

}  // namespace

nlohmann::ordered_json inspect_json(const Breakdown& breakdown, const InspectView& view) {
  const SizeTotals& totals = breakdown.totals;
  nlohmann::ordered_json document = {{"schema", "qcompress.inspect/1"},
                                     {"file", view.file},
                                     {"packed_now", view.packed_now},
                                     {"inputs", values_json(breakdown.inputs)},
                                     {"outputs", values_json(breakdown.outputs)},
                                     {"totals",
                                      {{"original_bytes", totals.original},
                                       {"packed_bytes", totals.container},
                                       {"weights", totals.weights},
                                       {"indices", totals.indices},
                                       {"codebooks", totals.codebooks},
                                       {"tables", totals.tables},
                                       {"biases_norms", totals.biases_norms},
                                       {"other_tensors", totals.other_tensors},
                                       {"graph", totals.graph},
                                       {"container", totals.framing},
                                       {"paper_original", totals.paper_original},
                                       {"paper_coded", totals.paper_coded}}},
                                     {"warnings", inspect_warnings(breakdown)},
                                     {"tensors", nlohmann::ordered_json::array()}};
  for (const TensorBreakdown& line : breakdown.tensors)
    document["tensors"].push_back(tensor_json(line));
  return document;
}

}  // namespace qc
