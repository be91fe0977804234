// Graphs with inputs, files of samples for them, and what every source of feeds must keep.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "data/feed_source.h"
#include "graph/graph.h"

namespace qc {

/// An input of that shape; -1 for an unknown dimension.
GraphValue tensor_value(const std::string& name, DataType type, std::vector<std::int64_t> dims);
/// One whose shape the graph does not declare.
GraphValue shapeless_value(const std::string& name, DataType type);
Graph graph_with(std::vector<GraphValue> inputs);

/// The values of a tensor of any numeric type.
std::vector<double> values_of(const HostTensor& tensor);

/// Opens feeds and loads every sample twice: each is the same both times, and what the graph
/// declares.
std::unique_ptr<FeedSource> open_checked(const std::filesystem::path& path, const Graph& graph,
                                         Split split = Split::kTest,
                                         const std::filesystem::path& config = {});

/// What opening and loading all feeds fails with.
std::pair<ErrorCode, std::string> error_of_feeds(const std::filesystem::path& path,
                                                 const Graph& graph, Split split = Split::kTest);

/// A TensorProto with raw_data; without a name where that is empty.
std::string tensor_proto(const std::string& name, DataType type,
                         const std::vector<std::int64_t>& dims, const std::string& raw_data);

/// A PCM file of 16 bits; channels side by side.
std::string wav_bytes(std::uint32_t rate, std::uint16_t channels,
                      const std::vector<std::int16_t>& values);

}  // namespace qc
