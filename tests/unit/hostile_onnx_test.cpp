// Hostile ONNX files: refused with the right code, or taken and given back to the byte.
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "formats/onnx/onnx_model.h"
#include "formats/onnx/onnx_reader.h"
#include "formats/packed/pack_model.h"
#include "formats/qc/read/qc_reader.h"
#include "harness.h"
#include "model_builder.h"
#include "model_files.h"

namespace qc::test {
namespace {

Bytes to_bytes(std::string_view text) { return {text.begin(), text.end()}; }

// Messages by hand, as no library would write them. The field numbers are those of onnx.proto.

std::string varint(std::uint64_t value) {
  Bytes bytes;
  append_varint(bytes, value);
  return std::string(as_text(bytes));
}

std::string number(std::uint32_t field, std::uint64_t value) {
  return varint(std::uint64_t{field} << 3) + varint(value);
}

std::string head(std::uint32_t field, std::uint64_t size) {
  return varint((std::uint64_t{field} << 3) | 2) + varint(size);
}

std::string message(std::uint32_t field, const std::string& content) {
  return head(field, content.size()) + content;
}

std::string tensor(const std::string& fields) { return message(5, fields); }  // in a graph
std::string model(const std::string& graph) { return number(1, 8) + message(7, graph); }
std::string floats(std::size_t count) { return std::string(4 * count, '\x3f'); }

std::string data_type(DataType type) { return number(2, static_cast<std::uint64_t>(type)); }
std::string raw_data(const std::string& bytes) { return message(9, bytes); }

std::string external(std::initializer_list<std::pair<std::string, std::string>> entries) {
  std::string fields = data_type(DataType::kFloat) + number(1, 4) + number(14, 1);
  for (const auto& [key, value] : entries) {
    fields += message(13, message(1, key) + message(2, value));
  }
  return fields;
}

/// The code that opening ends with, or nothing. What opens must come back from a container.
std::optional<ErrorCode> error_of(const Files& files) {
  std::optional<OnnxModel> opened;
  try {
    opened.emplace(OnnxModel::from_memory(files));
  } catch (const Error& error) {
    EXPECT_STRNE(error.what(), "");
    return error.code();
  }
  for (const TensorInfo& found : opened->tensors()) {
    const ByteView payload = opened->payload(found);
    EXPECT_EQ(payload.size(), found.storage == Storage::kNone ? 0 : found.size);
    // Passes count on it: so many elements are there.
    if (found.elements) {
      EXPECT_EQ((found.count() * data_type_bits(found.type) + 7) / 8, payload.size());
      EXPECT_LE(found.count(), 8 * payload.size());
    }
  }
  Files used;
  for (const ModelFile& file : opened->files()) {
    used.emplace_back(file.relative, file.bytes.joined());
  }
  EXPECT_TRUE(unpack(pack(*opened)) == used);
  return std::nullopt;
}

std::optional<ErrorCode> error_of(const std::string& bytes) {
  return error_of(Files{{"m.onnx", to_bytes(bytes)}});
}

/// A model with a tensor in every place that can hold one.
std::string rich_model() {
  ModelBuilder builder;
  const std::vector<float> values = bell_values(40, 1);
  builder.add_conv("conv", {2, 5, 2, 2}, values).add_gemm("gemm", {20, 2}, values);
  onnx::GraphProto& graph = *builder.proto().mutable_graph();
  onnx::TensorProto& typed = *graph.add_initializer();
  typed.set_name("typed");
  typed.set_data_type(onnx::TensorProto::FLOAT);
  typed.add_dims(8);
  for (int i = 0; i < 8; ++i) typed.add_float_data(values[static_cast<std::size_t>(i)]);
  onnx::SparseTensorProto& sparse = *graph.add_sparse_initializer();
  *sparse.mutable_values() = typed;
  sparse.mutable_indices()->set_data_type(onnx::TensorProto::INT64);
  for (std::int64_t i = 0; i < 8; ++i) sparse.mutable_indices()->add_int64_data(300 * i);
  onnx::NodeProto& branch = *graph.add_node();
  branch.set_op_type("If");
  onnx::AttributeProto& body = *branch.add_attribute();
  onnx::NodeProto& constant = *body.mutable_g()->add_node();
  constant.set_op_type("Constant");
  constant.add_output("c");
  *constant.add_attribute()->mutable_t() = graph.initializer(0);
  *builder.proto().add_functions()->add_node() = constant;
  *builder.proto().add_training_info()->mutable_algorithm()->add_initializer() = typed;
  return std::string(as_text(builder.bytes()));
}

TEST(HostileOnnx, RichModelComesBack) {
  EXPECT_EQ(error_of(rich_model()), std::nullopt);
  EXPECT_EQ(read_onnx(GappedBytes(as_bytes(rich_model()))).tensors.size(), 10u);
}

TEST(HostileOnnx, SurvivesEveryTruncatedPrefix) {
  const std::string whole = rich_model();
  std::size_t refused = 0;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto code = error_of(whole.substr(0, size));
    ASSERT_TRUE(!code || code == ErrorCode::kCorrupt) << size;
    refused += code ? 1 : 0;
  }
  EXPECT_GT(refused, whole.size() / 2);
}

RC_GTEST_PROP(HostileOnnx, SurvivesMutations, ()) {
  static const std::string kWhole = rich_model();
  std::string bytes = kWhole;
  const auto edits = *rc::gen::inRange(1, 6);
  for (int i = 0; i < edits && !bytes.empty(); ++i) {
    // Most of the model is payload; its head and tail are not.
    const auto at = *rc::gen::inRange<std::size_t>(0, bytes.size());
    const auto byte = static_cast<char>(*rc::gen::inRange(0, 256));
    switch (*rc::gen::inRange(0, 4)) {
      case 0:
        bytes[at] = byte;
        break;
      case 1:
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << (byte & 7)));
        break;
      case 2:
        bytes.insert(at, 1, byte);
        break;
      default:
        bytes.erase(at, 1 + (byte & 7));
    }
  }
  const auto code = error_of(bytes);
  RC_ASSERT(!code || code == ErrorCode::kCorrupt);
}

// Every byte of what is no payload, set to what breaks lengths and types.
TEST(HostileOnnx, SurvivesEveryByteReplaced) {
  const std::string whole = model(
      tensor(data_type(DataType::kFloat) + number(1, 6) + message(8, "w") + raw_data(floats(6))) +
      tensor(external({{"location", "w.bin"}, {"offset", "4"}, {"length", "16"}})));
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (const int byte : {0x00, 0x01, 0x7f, 0x80, 0xff}) {
      std::string bytes = whole;
      bytes[at] = static_cast<char>(byte);
      const auto code = error_of(Files{{"m.onnx", to_bytes(bytes)}, {"w.bin", Bytes(30, 1)}});
      // Another location is another file, and it is missing.
      ASSERT_TRUE(!code || code == ErrorCode::kCorrupt || code == ErrorCode::kFile) << at;
    }
  }
}

TEST(HostileOnnx, RefusesWhatIsNoModel) {
  const auto corrupt = [](const std::string& bytes) {
    return error_of(bytes) == ErrorCode::kCorrupt;
  };
  EXPECT_TRUE(corrupt(""));
  EXPECT_TRUE(corrupt("Four score and seven years ago our fathers brought forth\n"));
  EXPECT_TRUE(corrupt("{\"ir_version\": 8}"));
  EXPECT_TRUE(
      corrupt("\x7f"
              "ELF\x02\x01\x01"));
  EXPECT_TRUE(corrupt(std::string(1000, '\0')));
  EXPECT_TRUE(corrupt(std::string(1000, '\xff')));
  EXPECT_TRUE(corrupt(number(1, 8))) << "no graph";
  EXPECT_TRUE(corrupt(number(1, 8) + number(7, 5))) << "a graph that is a number";
  EXPECT_TRUE(corrupt(model("") + '\x08')) << "a number cut short";
  EXPECT_TRUE(corrupt(model("") + "\x0b\x0c")) << "a group";
  EXPECT_TRUE(corrupt(model("") + std::string(10, '\xff') + '\x01')) << "a tag of 77 bits";
  EXPECT_TRUE(corrupt(model("") + std::string(2, '\0'))) << "field 0";
  EXPECT_EQ(error_of(model("")), std::nullopt) << "an empty graph is one";
}

TEST(HostileOnnx, RefusesLengthsPastTheEnd) {
  const std::string inside = data_type(DataType::kFloat) + number(1, 2) + head(9, 9) + floats(2);
  for (const std::string& bytes :
       {number(1, 8) + head(7, 100), number(1, 8) + head(7, UINT64_MAX),
        number(1, 8) + head(7, std::uint64_t{1} << 63), model(head(5, 50) + "x"),
        model(tensor(head(9, UINT64_MAX - 5) + floats(2))),
        // Past the end of the tensor, but not of the file.
        model(tensor(inside) + message(10, std::string(100, 'd'))),
        model(tensor(head(8, 1000) + "w"))}) {
    EXPECT_EQ(error_of(bytes), ErrorCode::kCorrupt);
  }
}

TEST(HostileOnnx, RefusesDimsCutShort) {
  EXPECT_EQ(error_of(model(tensor(message(1, "\x02\x80") + raw_data(floats(2))))),
            ErrorCode::kCorrupt);
  EXPECT_EQ(error_of(model(tensor(message(1, std::string(11, '\xff'))))), ErrorCode::kCorrupt);
  EXPECT_EQ(error_of(model(tensor(message(1, "\x02\x03")))), std::nullopt);
}

// Shapes whose size is negative or wraps around 2^64 in elements, bits or bytes.
TEST(HostileOnnx, TakesImpossibleShapesForNoElements) {
  constexpr auto kBit = [](unsigned bit) { return std::uint64_t{1} << bit; };
  for (const DataType type : {DataType::kFloat, DataType::kDouble, DataType::kComplex128,
                              DataType::kInt8, DataType::kInt4, DataType::kString}) {
    for (const std::vector<std::uint64_t>& dims : {std::vector<std::uint64_t>{kBit(63)},
                                                   {UINT64_MAX},
                                                   {kBit(62), 4},
                                                   {kBit(32), kBit(32)},
                                                   {kBit(57)},
                                                   {kBit(58)},
                                                   {kBit(59)},
                                                   {kBit(60)},
                                                   {kBit(61)},
                                                   {kBit(62)},
                                                   {UINT64_MAX, UINT64_MAX},
                                                   {kBit(40), kBit(40), kBit(40)}}) {
      for (const std::size_t size : {0U, 16U}) {
        std::string fields = data_type(type) + raw_data(std::string(size, 'x'));
        for (const std::uint64_t dim : dims) fields += number(1, dim);
        SCOPED_TRACE(data_type_name(type) + " " + std::to_string(dims.front()));
        EXPECT_EQ(error_of(model(tensor(fields))), std::nullopt);
        const OnnxModel opened = OnnxModel::from_memory({{"m", to_bytes(model(tensor(fields)))}});
        EXPECT_FALSE(opened.tensors().front().elements);
      }
    }
  }
}

/// Graphs in graphs: each level is a graph, a node and an attribute.
std::string nested(int levels) {
  std::vector<std::string> heads;
  std::uint64_t size = 0;
  for (int level = 0; level < levels; ++level) {
    for (const std::uint32_t field : {6u, 5u, 1u}) {
      heads.push_back(head(field, size));
      size += heads.back().size();
    }
  }
  std::string graph;
  std::reverse(heads.begin(), heads.end());
  for (const std::string& outer : heads) graph += outer;
  return model(graph);
}

TEST(HostileOnnx, LimitsNesting) {
  EXPECT_EQ(error_of(nested(10000)), ErrorCode::kCorrupt);
  EXPECT_EQ(error_of(nested(100)), ErrorCode::kCorrupt);
  EXPECT_EQ(error_of(nested(kMaxMessageNesting / 3 - 1)), std::nullopt);
}

TEST(HostileOnnx, TakesTensorsWithSeveralPayloadsAsBytes) {
  const std::string base = data_type(DataType::kFloat) + number(1, 6);
  const std::string packed = message(4, floats(6));
  const std::string unpacked = varint(4 << 3 | 5) + floats(1);
  for (const std::string& fields :
       {base + raw_data(floats(6)) + raw_data(floats(6)), base + raw_data(floats(6)) + packed,
        base + packed + raw_data(floats(6)), base + packed + unpacked, base + unpacked + packed,
        base + packed + message(7, "\x01\x02"), base + packed + packed + packed}) {
    const std::string bytes = model(tensor(fields));
    EXPECT_EQ(error_of(bytes), std::nullopt);
    const OnnxModel opened = OnnxModel::from_memory({{"m.onnx", to_bytes(bytes)}});
    ASSERT_EQ(opened.tensors().size(), 1u);
    EXPECT_FALSE(opened.tensors().front().elements);
  }
}

TEST(HostileOnnx, GivesEveryTensorAName) {
  const std::string fields =
      message(8, "w") + data_type(DataType::kFloat) + raw_data(floats(1)) + number(1, 1);
  const OnnxModel opened = OnnxModel::from_memory(
      {{"m.onnx", to_bytes(model(tensor(fields) + tensor(fields) + tensor("") +
                                 tensor(message(8, "\xff\xfe")) +
                                 message(1, message(5, tensor(fields) + tensor(fields)))))}});
  std::vector<std::string> names;
  for (const TensorInfo& found : opened.tensors()) names.push_back(found.name);
  std::sort(names.begin(), names.end());
  EXPECT_EQ(names.size(), 6u);
  EXPECT_EQ(std::unique(names.begin(), names.end()), names.end());
  EXPECT_FALSE(names.front().empty());
}

std::optional<ErrorCode> external_error(
    std::initializer_list<std::pair<std::string, std::string>> entries) {
  return error_of(
      Files{{"m.onnx", to_bytes(model(tensor(external(entries))))}, {"w.bin", Bytes(100, 7)}});
}

TEST(HostileExternalData, RefusesRangesOutsideTheFile) {
  const auto corrupt = [](const std::string& offset, const std::string& length) {
    return external_error({{"location", "w.bin"}, {"offset", offset}, {"length", length}}) ==
           ErrorCode::kCorrupt;
  };
  EXPECT_FALSE(corrupt("84", "16"));
  EXPECT_FALSE(corrupt("100", "0"));
  EXPECT_TRUE(corrupt("85", "16"));
  EXPECT_TRUE(corrupt("101", "0"));
  EXPECT_TRUE(corrupt("0", "101"));
  EXPECT_TRUE(corrupt("8", "18446744073709551608")) << "the sum wraps to 0";
  EXPECT_TRUE(corrupt("18446744073709551615", "1"));
  EXPECT_TRUE(corrupt("9223372036854775808", "9223372036854775808"));
  EXPECT_TRUE(corrupt("18446744073709551616", "0")) << "2^64";
  for (const char* bad : {"-1", "", "x", "4x", "0x10", " 4", "1e1"}) {
    EXPECT_TRUE(corrupt(bad, "4")) << bad;
    EXPECT_TRUE(corrupt("4", bad)) << bad;
  }
}

TEST(HostileExternalData, RefusesLocationsOutsideTheFolder) {
  for (const char* bad : {"..", "../w.bin", "a/../../w.bin", "a/..", "/etc/passwd", "/", ""}) {
    EXPECT_EQ(external_error({{"location", bad}}), ErrorCode::kCorrupt) << bad;
  }
  EXPECT_EQ(external_error({{"offset", "0"}}), ErrorCode::kCorrupt) << "no location";
  EXPECT_EQ(external_error({}), ErrorCode::kCorrupt);
  EXPECT_EQ(external_error({{"location", "./w.bin"}}), std::nullopt);
  EXPECT_EQ(external_error({{"location", "m.onnx"}}), ErrorCode::kUnsupported)
      << "the model itself";
}

TEST(HostileExternalData, TakesNamesThatAreNoUtf8) {
  const std::string bytes = model(tensor(external({{"location", "\xff\xfe.bin"}})));
  EXPECT_EQ(error_of(Files{{"caf\xe9.onnx", to_bytes(bytes)}, {"\xff\xfe.bin", Bytes(16, 1)}}),
            std::nullopt);
}

TEST(HostileExternalData, NamesAMissingFile) {
  EXPECT_EQ(external_error({{"location", "gone.bin"}}), ErrorCode::kFile);
  const harness::TempDir folder;
  const auto open_error = [&](const std::string& bytes) {
    harness::write_file(folder / "m.onnx", bytes);
    try {
      OnnxModel::open(folder / "m.onnx");
    } catch (const Error& error) {
      return std::pair(error.code(), std::string(error.what()));
    }
    return std::pair(ErrorCode::kInternal, std::string("no error"));
  };
  const auto [code, text] = open_error(model(tensor(external({{"location", "sub/gone.bin"}}))));
  EXPECT_EQ(code, ErrorCode::kFile);
  EXPECT_NE(text.find("sub/gone.bin"), std::string::npos) << text;
  std::filesystem::create_directory(folder / "sub");
  EXPECT_EQ(open_error(model(tensor(external({{"location", "sub"}})))).first, ErrorCode::kFile);
  EXPECT_EQ(open_error("").first, ErrorCode::kCorrupt);
  EXPECT_EQ(open_error("some text").first, ErrorCode::kCorrupt);
}

// Ranges of one file that are the same, overlap, or lie inside each other.
TEST(HostileExternalData, TakesOverlappingPayloads) {
  const auto at = [](const std::string& offset, const std::string& length) {
    return tensor(external({{"location", "w.bin"}, {"offset", offset}, {"length", length}}));
  };
  Bytes data;
  for (const float value : bell_values(4000, 1)) append_le(data, value);
  for (const std::string& graph :
       {at("0", "8000") + at("0", "8000"), at("0", "8000") + at("4000", "8000"),
        at("4000", "8000") + at("0", "8000"), at("0", "16000") + at("400", "16"),
        at("400", "16") + at("0", "16000"), at("0", "16000") + at("0", "16") + at("15984", "16"),
        at("1", "7999") + at("3", "7999") + at("8000", "8000")}) {
    EXPECT_EQ(error_of(Files{{"m.onnx", to_bytes(model(graph))}, {"w.bin", data}}), std::nullopt);
  }
}

// A tensor that is both external and has a payload of its own.
TEST(HostileExternalData, TakesAPayloadBesidesTheLocation) {
  const std::string fields = external({{"location", "w.bin"}}) + raw_data(floats(100));
  const Files files = {{"m.onnx", to_bytes(model(tensor(fields)))}, {"w.bin", Bytes(16, 1)}};
  EXPECT_EQ(error_of(files), std::nullopt);
  EXPECT_EQ(OnnxModel::from_memory(files).tensors().front().storage, Storage::kExternal);
}

}  // namespace
}  // namespace qc::test
