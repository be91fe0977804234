#include "data_feeds.h"

#include <gtest/gtest.h>

#include "core/float_types.h"
#include "data/feeds/input_types.h"
#include "data_files.h"

namespace qc {
namespace {

template <typename T>
std::vector<double> numbers(ByteView bytes) {
  std::vector<double> values;
  for (std::size_t at = 0; at < bytes.size(); at += sizeof(T)) {
    values.push_back(static_cast<double>(load_le<T>(bytes.data() + at)));
  }
  return values;
}

void append_field(Bytes& out, std::uint64_t number, std::uint64_t value) {
  append_varint(out, number << 3);
  append_varint(out, value);
}

void append_field(Bytes& out, std::uint64_t number, const std::string& value) {
  append_varint(out, number << 3 | 2);
  append_varint(out, value.size());
  append(out, as_bytes(value));
}

void expect_equal(const Feed& a, const Feed& b) {
  EXPECT_EQ(a.label, b.label);
  ASSERT_EQ(a.inputs.size(), b.inputs.size());
  for (std::size_t i = 0; i < a.inputs.size(); ++i) {
    EXPECT_EQ(a.inputs[i].type, b.inputs[i].type);
    EXPECT_EQ(a.inputs[i].dims, b.inputs[i].dims);
    EXPECT_EQ(a.inputs[i].bytes, b.inputs[i].bytes);
    EXPECT_EQ(a.inputs[i].strings, b.inputs[i].strings);
  }
}

void expect_declared(const Feed& feed, const FeedSource& feeds, const Graph& graph) {
  ASSERT_EQ(feed.inputs.size(), graph.inputs.size());
  for (std::size_t i = 0; i < feed.inputs.size(); ++i) {
    const HostTensor& tensor = feed.inputs[i];
    EXPECT_EQ(tensor.type, graph.inputs[i].type) << graph.inputs[i].name;
    EXPECT_TRUE(takes_shape(graph.inputs[i], tensor.dims)) << graph.inputs[i].name;
    const std::uint64_t count = element_count(tensor.dims).value();
    if (tensor.type == DataType::kString) {
      EXPECT_EQ(tensor.strings.size(), count);
    } else {
      EXPECT_EQ(tensor.bytes.size(), count * data_type_bits(tensor.type) / 8);
    }
  }
  EXPECT_EQ(feed.label.has_value(), feeds.classes() > 0);
  if (feed.label) {
    EXPECT_GE(*feed.label, 0);
    EXPECT_LT(*feed.label, feeds.classes());
  }
}

}  // namespace

GraphValue tensor_value(const std::string& name, DataType type, std::vector<std::int64_t> dims) {
  return {.name = name, .type = type, .has_shape = true, .dims = std::move(dims)};
}

GraphValue shapeless_value(const std::string& name, DataType type) {
  return {.name = name, .type = type, .has_shape = false, .dims = {}};
}

Graph graph_with(std::vector<GraphValue> inputs) {
  Graph graph;
  graph.inputs = std::move(inputs);
  return graph;
}

std::vector<double> values_of(const HostTensor& tensor) {
  switch (tensor.type) {
    case DataType::kBool:
    case DataType::kUint8:
      return numbers<std::uint8_t>(tensor.bytes);
    case DataType::kInt8:
      return numbers<std::int8_t>(tensor.bytes);
    case DataType::kInt32:
      return numbers<std::int32_t>(tensor.bytes);
    case DataType::kInt64:
      return numbers<std::int64_t>(tensor.bytes);
    case DataType::kDouble:
      return numbers<double>(tensor.bytes);
    default: {
      const std::vector<float> floats = load_floats(tensor.type, tensor.bytes);
      return {floats.begin(), floats.end()};
    }
  }
}

std::unique_ptr<FeedSource> open_checked(const std::filesystem::path& path, const Graph& graph,
                                         Split split, const std::filesystem::path& config) {
  auto feeds = open_feeds({path, config}, split, graph);
  EXPECT_FALSE(feeds->description().empty());
  for (std::size_t i = 0; i < feeds->size(); ++i) {
    const Feed feed = feeds->load(i);
    expect_equal(feed, feeds->load(i));
    expect_declared(feed, *feeds, graph);
    EXPECT_FALSE(feeds->name(i).empty());
  }
  return feeds;
}

std::pair<ErrorCode, std::string> error_of_feeds(const std::filesystem::path& path,
                                                 const Graph& graph, Split split) {
  return error_of([&] {
    const auto feeds = open_feeds({path, {}}, split, graph);
    for (std::size_t i = 0; i < feeds->size(); ++i) feeds->load(i);
  });
}

std::string tensor_proto(const std::string& name, DataType type,
                         const std::vector<std::int64_t>& dims, const std::string& raw_data) {
  Bytes out;
  for (const std::int64_t dim : dims) append_field(out, 1, static_cast<std::uint64_t>(dim));
  append_field(out, 2, static_cast<std::uint64_t>(type));
  if (!name.empty()) append_field(out, 8, name);
  append_field(out, 9, raw_data);
  return std::string(as_text(out));
}

std::string wav_bytes(std::uint32_t rate, std::uint16_t channels,
                      const std::vector<std::int16_t>& values) {
  constexpr std::uint16_t kPcm = 1;
  const auto data = static_cast<std::uint32_t>(values.size() * sizeof(std::int16_t));
  const auto frame = static_cast<std::uint16_t>(channels * sizeof(std::int16_t));
  Bytes out;
  append(out, as_bytes("RIFF"));
  append_le(out, data + 36);
  append(out, as_bytes("WAVEfmt "));
  append_le(out, std::uint32_t{16});
  append_le(out, kPcm);
  append_le(out, channels);
  append_le(out, rate);
  append_le(out, rate * frame);
  append_le(out, frame);
  append_le(out, std::uint16_t{16});
  append(out, as_bytes("data"));
  append_le(out, data);
  append(out, as_bytes(raw(values)));
  return std::string(as_text(out));
}

}  // namespace qc
