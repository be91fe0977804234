// Any model comes back bit for bit, by the reader and by the one written from FORMAT.md.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>

#include "core/random.h"
#include "formats/qc/decode/graph_dictionary.h"
#include "formats/qc/read/qc_reader.h"
#include "model_files.h"
#include "spec_container.h"
#include "test_tensors.h"

namespace qc {
namespace {

using test::Files;
using test::noise;
using test::Pattern;

constexpr std::int32_t kUnknownType = 77;

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : random_(seed) {}

  std::uint64_t below(std::uint64_t end) { return random_.next() % end; }
  bool one_in(std::uint64_t often) { return below(often) == 0; }

  template <typename T>
  T one_of(const std::vector<T>& all) {
    return all[below(all.size())];
  }

 private:
  SplitMix64 random_;
};

class RandomModel {
 public:
  explicit RandomModel(Dice& dice) : dice_(dice) {}

  Files draw() {
    external_ = {noise(dice_.below(3000), 1), noise(dice_.below(200), 2)};
    draw_graph(*model_.mutable_graph(), 0);
    if (dice_.one_in(4)) draw_graph(*model_.add_training_info()->mutable_algorithm(), 1);
    if (dice_.one_in(4)) draw_node(*model_.add_functions()->add_node(), 1);
    if (dice_.one_in(3)) add_unknown(model_);
    Files files = {{"m.onnx", test::serialize(model_)}};
    if (uses_[0]) files.emplace_back("data/a.bin", external_[0]);
    if (uses_[1]) files.emplace_back("b.bin", external_[1]);
    return files;
  }

 private:
  struct Made {
    std::int32_t type;
    std::vector<std::int64_t> dims;
    Bytes payload;
  };

  template <typename Message>
  void add_unknown(Message& message) {
    message.mutable_unknown_fields()->AddLengthDelimited(
        1000, std::string(as_text(noise(dice_.below(40), 3))));
  }

  void draw_graph(onnx::GraphProto& graph, int depth) {
    for (std::uint64_t left = dice_.below(5); left > 0; --left)
      draw_tensor(*graph.add_initializer());
    for (std::uint64_t left = dice_.below(3); left > 0; --left) draw_node(*graph.add_node(), depth);
    if (dice_.one_in(4)) {
      draw_tensor(*graph.add_sparse_initializer()->mutable_values());
      draw_tensor(*graph.mutable_sparse_initializer(0)->mutable_indices());
    }
    if (dice_.one_in(4)) add_unknown(graph);
  }

  void draw_node(onnx::NodeProto& node, int depth) {
    static const std::vector<std::string> kOps = {"Constant", "MatMul", "Conv", "Loop", "Custom"};
    node.set_op_type(dice_.one_of(kOps));
    if (!names_.empty()) node.add_input(dice_.one_of(names_));
    if (!names_.empty()) node.add_input(dice_.one_of(names_));
    node.add_output(fmt::format("value{}", names_.size()));
    if (dice_.one_in(2)) {
      draw_tensor(*test::add_attribute(node, "value", onnx::AttributeProto::TENSOR).mutable_t());
    }
    if (dice_.one_in(3)) {
      onnx::AttributeProto& list = test::add_attribute(node, "list", onnx::AttributeProto::TENSORS);
      for (std::uint64_t left = dice_.below(3); left > 0; --left) draw_tensor(*list.add_tensors());
    }
    if (depth < 3 && dice_.one_in(2)) {
      draw_graph(*test::add_attribute(node, "body", onnx::AttributeProto::GRAPH).mutable_g(),
                 depth + 1);
    }
  }

  void draw_tensor(onnx::TensorProto& tensor) {
    const std::string name = fmt::format("tensor{}", names_.size());
    names_.push_back(name);
    Made made = draw_elements();
    if (dice_.one_in(5)) made.type = kUnknownType;
    test::describe_tensor(tensor, name, made.type, made.dims);
    switch (dice_.below(8)) {
      case 0:
        put_external(tensor);
        break;
      case 1:
        for (std::size_t at = 0; at + 4 <= made.payload.size(); at += 4) {
          tensor.add_float_data(load_le<float>(made.payload.data() + at));
        }
        break;
      case 2:
        for (const std::uint8_t byte : made.payload) tensor.add_int64_data(byte - 100);
        break;
      default:
        tensor.set_raw_data(std::string(as_text(made.payload)));
    }
    if (dice_.one_in(5)) add_unknown(tensor);
    made_.push_back(std::move(made));
  }

  // Something new, or an earlier tensor again: as it was, transposed, or changed a little.
  Made draw_elements() {
    if (!made_.empty() && dice_.one_in(3)) {
      Made again = made_[dice_.below(made_.size())];
      if (dice_.one_in(2)) transpose_floats(again);
      if (dice_.one_in(4) && !again.payload.empty())
        again.payload[dice_.below(again.payload.size())] ^= 1;
      return again;
    }
    struct Type {
      std::int32_t type;
      Element element;
    };
    static const std::vector<Type> kTypes = {
        {onnx::TensorProto::FLOAT, {4, true}},  {onnx::TensorProto::FLOAT16, {2, true}},
        {onnx::TensorProto::DOUBLE, {8, true}}, {onnx::TensorProto::INT8, {1, false}},
        {onnx::TensorProto::INT64, {8, false}}, {onnx::TensorProto::COMPLEX64, {4, true}}};
    const Type type = dice_.one_of(kTypes);
    const std::uint64_t rows = dice_.below(30);
    const std::uint64_t columns = dice_.one_in(4) ? 500 + dice_.below(1000) : dice_.below(30);
    const bool pairs = type.type == onnx::TensorProto::COMPLEX64;
    const auto pattern = static_cast<Pattern>(dice_.below(test::kPatternCount));
    const std::uint64_t count = rows * columns * (pairs ? 2 : 1);
    Made made = {type.type,
                 {static_cast<std::int64_t>(rows), static_cast<std::int64_t>(columns)},
                 test::make_tensor(pattern, type.element, count, dice_.below(1000)).data};
    return made;
  }

  static void transpose_floats(Made& made) {
    const auto rows = static_cast<std::size_t>(made.dims[0]);
    const auto columns = static_cast<std::size_t>(made.dims[1]);
    if (made.payload.size() != 4 * rows * columns) return;
    Bytes turned;
    for (std::size_t column = 0; column < columns; ++column) {
      for (std::size_t row = 0; row < rows; ++row) {
        append(turned, ByteView(made.payload).subspan(4 * (row * columns + column), 4));
      }
    }
    made.payload = turned;
    std::swap(made.dims[0], made.dims[1]);
  }

  // Any range of an external file: ranges may be equal or overlap.
  void put_external(onnx::TensorProto& tensor) {
    const std::size_t file = dice_.below(2);
    uses_[file] = true;
    const std::uint64_t size = external_[file].size();
    const std::uint64_t offset = dice_.below(size + 1);
    test::set_external(tensor, file == 0 ? "data/a.bin" : "b.bin", offset,
                       dice_.below(size - offset + 1));
  }

  Dice& dice_;
  onnx::ModelProto model_;
  std::vector<Bytes> external_;
  std::array<bool, 2> uses_{};
  std::vector<std::string> names_;
  std::vector<Made> made_;
};

PackOptions draw_options(Dice& dice) {
  PackOptions options;
  options.chunk_bytes = dice.one_of<std::uint64_t>({100, 5000, 1U << 24});
  options.encode.stages = dice.one_of<StageChoice>({StageChoice::kSmallest, StageChoice::kHuffman});
  if (dice.one_in(3))
    options.encode.layout = static_cast<LayoutId>(dice.below(layout_encoders().size()));
  if (dice.one_in(3)) options.encode.gap_mode = GapMode::kFiller;
  options.encode.slow_layouts = dice.one_in(3);
  return options;
}

// How often each way of storing occurred.
using Ways = std::map<std::string, int>;

void count_ways(const QcReader& reader, Ways& ways) {
  for (const QcSlot& slot : reader.slots()) {
    ++ways[slot.transposed ? "transposed" : slot.repeat_of ? "repeat" : "stored"];
    if (!slot.repeat_of && slot.size > reader.units()[slot.unit].size) ++ways["in chunks"];
    if (slot.file > 0) ++ways["external"];
  }
  for (const QcUnit& unit : reader.units()) {
    if (unit.slot_count > 1) ++ways["pool"];
  }
}

void expect_to_come_back(std::uint64_t seed, Ways& ways) {
  Dice dice(seed);
  const OnnxModel model = test::open_files(RandomModel(dice).draw());
  PackOptions options = draw_options(dice);
  options.threads = 1;
  const Bytes container = test::pack(model, options);
  const QcReader reader = QcReader::from_bytes(container);
  if (!reader.units().empty()) {
    options.threads = 2;
    ASSERT_EQ(test::pack(model, options), container);
  }

  Files expected;
  std::vector<spec::File> same;
  for (const ModelFile& file : model.files()) {
    expected.emplace_back(file.relative, file.bytes.joined());
    same.push_back({file.relative.string(), expected.back().second});
  }
  ASSERT_EQ(reader.decode_to_memory(2), expected);
  ASSERT_EQ(spec::read_container(container, graph_dictionary()), same);
  DecodeContext context;
  for (std::size_t i = 0; i < reader.slots().size(); ++i) {
    const QcSlot& slot = reader.slots()[i];
    Bytes bytes;
    model.files()[slot.file].bytes.append_range(slot.offset, slot.size, bytes);
    ASSERT_EQ(reader.decode_slot(i, context), bytes);
    Bytes loaded(slot.size, 0xa5);
    reader.load_slot(i, loaded, 2);
    ASSERT_EQ(loaded, bytes);
  }
  count_ways(reader, ways);
}

TEST(RandomModels, ComeBackBitForBit) {
  Ways ways;
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    expect_to_come_back(seed, ways);
    if (HasFatalFailure()) return;
  }
  for (const char* way : {"stored", "repeat", "transposed", "in chunks", "external", "pool"}) {
    EXPECT_GE(ways[way], 2) << way;
  }
}

}  // namespace
}  // namespace qc
