// FORMAT.md's examples against the code.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>
#include <zstd.h>

#include <optional>
#include <sstream>

#include "codecs/decode/tensor_decoder.h"
#include "codecs/decode/zstd_bytes.h"
#include "codecs/encode/layout_table.h"
#include "codecs/encode/stage.h"
#include "codecs/encode/tensor_encoder.h"
#include "codecs/encode/zstd_compress.h"
#include "formats/packed/pack_model.h"
#include "formats/qc/decode/graph_dictionary.h"
#include "formats/qc/read/qc_reader.h"
#include "formats/qc/write/manifest_writer.h"
#include "harness.h"
#include "spec_container.h"
#include "spec_context.h"
#include "spec_document.h"

namespace qc {
namespace {

using spec::example_bytes;
using testing::ElementsAreArray;

constexpr std::size_t kRows = 8;
constexpr std::size_t kColumns = 24;

std::vector<Symbol> documented_symbols() {
  std::vector<Symbol> symbols;
  std::istringstream text(spec::example_text("symbols"));
  for (Symbol symbol = 0; text >> symbol;) symbols.push_back(symbol);
  return symbols;
}

std::vector<float> documented_elements() {
  std::vector<float> elements(kRows * kColumns);
  std::istringstream text(spec::example_text("elements"));
  std::size_t index = 0;
  char colon = 0;
  for (float value = 0; text >> index >> colon >> value;) elements.at(index) = value;
  return elements;
}

// The payload of floats.
Bytes payload_of(const std::vector<float>& values) {
  Bytes bytes;
  for (const float value : values) append_le(bytes, value);
  return bytes;
}

// The model that the document describes.
Bytes documented_model() {
  onnx::ModelProto model;
  model.set_ir_version(8);
  model.add_opset_import()->set_version(13);
  onnx::GraphProto& graph = *model.mutable_graph();
  graph.set_name("g");
  graph.add_input()->set_name("x");
  graph.add_output()->set_name("y");
  onnx::NodeProto& node = *graph.add_node();
  node.set_op_type("MatMul");
  node.add_input("x");
  node.add_input("w");
  node.add_output("y");
  onnx::TensorProto& tensor = *graph.add_initializer();
  tensor.set_name("w");
  tensor.set_data_type(onnx::TensorProto::FLOAT);
  tensor.add_dims(kRows);
  tensor.add_dims(kColumns);
  const Bytes payload = payload_of(documented_elements());
  tensor.set_raw_data(payload.data(), payload.size());
  const std::string text = model.SerializeAsString();
  return {text.begin(), text.end()};
}

Bytes pack(const Bytes& model) {
  std::vector<std::pair<std::filesystem::path, Bytes>> files;
  files.emplace_back("m.onnx", model);
  MemorySink sink;
  pack_model(OnnxModel::from_memory(std::move(files)), {}, sink);
  return sink.take();
}

// The bytes of an example from the line whose note starts with `from` up to the one with `to`.
Bytes part_of(const std::string& example, const std::string& from, const std::string& to) {
  Bytes part;
  bool inside = false;
  for (const spec::ExampleLine& line : spec::example_lines(example)) {
    if (line.note.starts_with(to)) break;
    inside |= line.note.starts_with(from);
    if (inside) append(part, line.bytes);
  }
  return part;
}

Bytes documented_index_content() { return example_bytes("index"); }

class Examples : public testing::TestWithParam<const char*> {};

// The number that a note ends with, as in "size: 768" and "writer, 15 bytes".
std::optional<std::uint64_t> number_at_the_end(std::string note) {
  if (note.ends_with(" bytes")) note.resize(note.size() - 6);
  const std::size_t begin = note.find_last_not_of("0123456789") + 1;
  if (begin == note.size()) return std::nullopt;
  return std::stoull(note.substr(begin));
}

TEST_P(Examples, NotesNameTheNumbersInTheBytes) {
  std::size_t numbers = 0;
  for (const spec::ExampleLine& line : spec::example_lines(GetParam())) {
    const auto number = number_at_the_end(line.note);
    if (!number) continue;
    Bytes as_varint;
    append_varint(as_varint, *number);
    Bytes fixed;
    append_le(fixed, static_cast<std::uint32_t>(*number));
    const Bytes as_byte = {static_cast<std::uint8_t>(*number)};
    const std::string_view bytes = as_text(line.bytes);
    EXPECT_TRUE(bytes == as_text(fixed) || bytes.ends_with(as_text(as_varint)) ||
                (*number < 256 && bytes.ends_with(as_text(as_byte))))
        << line.note;
    ++numbers;
  }
  EXPECT_GE(numbers, 3U);
}

INSTANTIATE_TEST_SUITE_P(Format, Examples,
                         testing::Values("stream", "container", "index", "context"));

TEST(FormatExample, StreamIsWhatTheEncoderWrites) {
  Encoding coded;
  encode_stream(documented_symbols(), 16, StageChoice::kSmallest, coded);
  EXPECT_THAT(coded.bytes, ElementsAreArray(example_bytes("stream")));
}

TEST(FormatExample, StreamDecodesToTheSymbols) {
  const Bytes coded = example_bytes("stream");
  const std::vector<Symbol> expected = documented_symbols();
  ASSERT_EQ(expected.size(), 32U);
  DecodeContext context;
  context.reset(expected.size());
  ByteReader in(coded);
  SymbolReader* reader = open_stream(in, expected.size(), 16, StreamUse::kValues, context, nullptr);
  ASSERT_NE(reader, nullptr);
  std::vector<Symbol> symbols(expected.size());
  reader->read(symbols);
  EXPECT_TRUE(reader->finish());
  EXPECT_EQ(symbols, expected);

  spec::Input same(coded);
  EXPECT_THAT(spec::decode_stream(same, expected.size(), 16), ElementsAreArray(expected));
}

TEST(FormatExample, ContainerHoldsTheModel) {
  const Bytes container = example_bytes("container");
  const Bytes model = documented_model();
  EXPECT_EQ(model.size(), 824U);
  const QcReader reader = QcReader::from_bytes(container);
  const auto files = reader.decode_to_memory(1);
  ASSERT_EQ(files.size(), 1U);
  EXPECT_EQ(files[0].first, "m.onnx");
  EXPECT_EQ(files[0].second, model);
  EXPECT_THAT(spec::read_container(container, graph_dictionary()),
              testing::ElementsAre(spec::File{"m.onnx", model}));
}

// The tensor of 11.3: 8 rows of 3 columns.
Bytes context_payload() {
  std::vector<float> elements;
  std::istringstream text(spec::example_text("context elements"));
  for (float value = 0; text >> value;) elements.push_back(value);
  return payload_of(elements);
}

TEST(FormatExample, ContextTensorIsWhatTheEncoderWrites) {
  const Bytes payload = context_payload();
  ASSERT_EQ(payload.size(), 24 * sizeof(float));
  const TensorView tensor = {payload, {4, true}, {}, {.columns = 3, .taps = 1, .width = 1}};
  EncodeOptions options = presets::kMax;
  options.layout = LayoutId::kContextPalette;
  const Bytes coded = encode_tensor(tensor, options);
  EXPECT_THAT(example_bytes("context"), ElementsAreArray(coded));
  EXPECT_EQ(spec::decode_tensor(coded, payload.size()), payload);
}

// As 11.3 writes a bit.
std::string text_of(const spec::DecodedBit& bit, std::size_t number) {
  return fmt::format(
      "bit {}: {} of element {}\n"
      "  counters {}; sets {}\n"
      "  inputs {}\n"
      "  says {}; probability {}\n"
      "  low {:08x}, high {:08x}, value {:08x}: the bit is {}\n"
      "  weights of the first set now {}\n"
      "  weights of the second set now {}\n",
      number, bit.predictor, bit.element, fmt::join(bit.counters, " "), fmt::join(bit.sets, " "),
      fmt::join(bit.inputs, " "), fmt::join(bit.says, " "), bit.probability, bit.low, bit.high,
      bit.value, bit.bit ? 1 : 0, fmt::join(bit.weights[0], " "), fmt::join(bit.weights[1], " "));
}

TEST(FormatExample, ContextBitsHaveTheProbabilitiesOfTheDocument) {
  const Bytes coded = part_of("context", "the coded ranks", "no such note");
  std::vector<spec::DecodedBit> bits;
  const auto ranks = spec::decode_ranks({3, 1, 1, 0}, coded, 24, 4, 1, true, &bits);
  ASSERT_GT(bits.size(), 5U);
  std::string text;
  for (std::size_t i = 0; i < 5; ++i) text += text_of(bits[i], i);
  EXPECT_EQ(spec::example_text("context bits"), text);
}

TEST(FormatExample, HeaderAndFooterAreThoseOfTheCode) {
  const Bytes container = example_bytes("container");
  EXPECT_THAT(part_of("container", "header", "unit 0"), ElementsAreArray(qc_header()));
  const Bytes index = part_of("container", "index", "footer");
  const Bytes content = documented_index_content();
  QcFooter footer;
  footer.index_stored_size = static_cast<std::uint32_t>(index.size());
  footer.index_size = static_cast<std::uint32_t>(content.size());
  footer.manifest_size =
      static_cast<std::uint32_t>(part_of("index", "manifest", "no such note").size());
  footer.dictionary = 1;
  footer.index_checksum = xxh3_64(index);
  EXPECT_THAT(part_of("container", "footer", "no such note"),
              ElementsAreArray(footer_bytes(footer)));
}

TEST(FormatExample, IndexHoldsLiteralsAndManifest) {
  const Bytes index = part_of("container", "index", "footer");
  Bytes content(documented_index_content().size());
  DecodeContext context;
  ASSERT_TRUE(zstd_decompress(index, content, graph_dictionary(), context));
  EXPECT_EQ(content, documented_index_content());

  const Bytes model = documented_model();
  const QcReader reader = QcReader::from_bytes(pack(model));
  Manifest manifest = parse_manifest(reader.manifest_bytes());
  manifest.writer = parse_manifest(part_of("index", "manifest", "no such note")).writer;
  EXPECT_THAT(part_of("index", "manifest", "no such note"),
              ElementsAreArray(serialize_manifest(manifest)));
  EXPECT_THAT(part_of("index", "literal", "manifest"), ElementsAreArray(reader.files()[0].literal));
}

TEST(FormatExample, UnitIsWhatTheEncoderWrites) {
  const Bytes payload = payload_of(documented_elements());
  const ChannelMap channels = channel_map(std::vector<std::int64_t>{kRows, kColumns}, 1);
  const Bytes unit = part_of("container", "unit 0", "index");
  EXPECT_THAT(encode_tensor({payload, {4, true}, channels}, {}), ElementsAreArray(unit));
  EXPECT_EQ(spec::decode_tensor(unit, payload.size()), payload);
}

// zstd and the writer's name may differ from the document's; nothing else may.
TEST(FormatExample, PackingGivesTheContainer) {
  const Bytes container = example_bytes("container");
  const Bytes packed = pack(documented_model());
  const QcReader documented = QcReader::from_bytes(container);
  const QcReader reader = QcReader::from_bytes(packed);
  ASSERT_EQ(reader.units().size(), 1U);
  EXPECT_THAT(reader.units()[0].stored, ElementsAreArray(documented.units()[0].stored));

  const std::string text = spec::document();
  const std::string origin =
      fmt::format("as {} packs it with zstd {}", kWriter, ZSTD_versionString());
  if (text.find(origin) == std::string::npos)
    GTEST_SKIP() << "the document does not say " << origin;
  EXPECT_EQ(packed, container);
}

TEST(GraphDictionary, IsTheDocumentedOne) {
  const ByteView dictionary = graph_dictionary();
  EXPECT_EQ(as_text(dictionary),
            harness::read_file(harness::source_dir() / "formats/qc/graph_dictionary.bin"));
  const std::string row =
      fmt::format("| {} bytes | {:016x} ", dictionary.size(), xxh3_64(dictionary));
  EXPECT_NE(spec::document().find(row), std::string::npos) << row;
  // Else zstd would take it for a dictionary of its own format.
  EXPECT_NE(load_le<std::uint32_t>(dictionary.data()), 0xec30a437U);
}

}  // namespace
}  // namespace qc
