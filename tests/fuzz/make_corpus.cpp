// Writes the seed inputs of the fuzz targets: FOLDER/NAME/* for the target fuzz_NAME. Small on
// purpose; the fuzzers grow them.

#include <fmt/format.h>
#include <onnx/onnx_pb.h>
#include <zlib.h>

#include <array>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include "codecs/encode/layout_table.h"
#include "codecs/shared/allocator.h"
#include "formats/onnx/onnx_model.h"
#include "formats/packed/pack_model.h"
#include "formats/qc/decode/base_slot.h"
#include "formats/qc/decode/checksum.h"
#include "formats/qc/decode/transposition.h"
#include "formats/qc/write/qc_writer.h"
#include "model_builder.h"
#include "pipeline/npz_writer.h"
#include "plain_container.h"
#include "system/file.h"
#include "test_tensors.h"

namespace qc {
namespace {

namespace fs = std::filesystem;

void write_seed(const fs::path& folder, const std::string& name, const std::string& bytes) {
  fs::create_directories(folder);
  std::ofstream file(folder / name, std::ios::binary);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  if (!file) throw std::runtime_error("cannot write " + (folder / name).string());
}

onnx::ModelProto empty_model() {
  onnx::ModelProto model;
  model.set_ir_version(8);
  model.add_opset_import()->set_version(13);
  model.mutable_graph()->set_name("seed");
  return model;
}

void set_raw(onnx::TensorProto& tensor, const std::string& name) {
  tensor.set_name(name);
  tensor.set_data_type(onnx::TensorProto::FLOAT);
  tensor.add_dims(2);
  tensor.add_dims(3);
  tensor.set_raw_data(
      std::string("\0\0\x80\x3f\0\0\0\0\0\0\x80\xbf\0\0\0\0\0\0\0\x40\0\0\0\0", 24));
}

onnx::NodeProto& add_gemm(onnx::GraphProto& graph, const std::string& weight) {
  onnx::NodeProto& node = *graph.add_node();
  node.set_op_type("Gemm");
  node.add_input("x");
  node.add_input(weight);
  node.add_output("y");
  return node;
}

std::string raw_model() {
  onnx::ModelProto model = empty_model();
  set_raw(*model.mutable_graph()->add_initializer(), "w");
  add_gemm(*model.mutable_graph(), "w");
  return model.SerializeAsString();
}

std::string typed_model() {
  onnx::ModelProto model = empty_model();
  onnx::TensorProto& floats = *model.mutable_graph()->add_initializer();
  floats.set_name("f");
  floats.set_data_type(onnx::TensorProto::FLOAT);
  floats.add_dims(2);
  floats.add_float_data(0.5F);
  floats.add_float_data(-0.5F);
  onnx::TensorProto& integers = *model.mutable_graph()->add_initializer();
  integers.set_name("i");
  integers.set_data_type(onnx::TensorProto::INT64);
  integers.add_dims(2);
  integers.add_int64_data(-1);
  integers.add_int64_data(300);
  return model.SerializeAsString();
}

/// A Constant node inside an If branch, and the same tensor in a function.
std::string nested_model() {
  onnx::ModelProto model = empty_model();
  onnx::NodeProto& branch = *model.mutable_graph()->add_node();
  branch.set_op_type("If");
  onnx::AttributeProto& body = *branch.add_attribute();
  body.set_name("then_branch");
  body.set_type(onnx::AttributeProto::GRAPH);
  onnx::NodeProto& constant = *body.mutable_g()->add_node();
  constant.set_op_type("Constant");
  constant.add_output("w");
  onnx::AttributeProto& value = *constant.add_attribute();
  value.set_name("value");
  value.set_type(onnx::AttributeProto::TENSOR);
  set_raw(*value.mutable_t(), "w");
  onnx::FunctionProto& function = *model.add_functions();
  function.set_name("f");
  *function.add_node() = constant;
  return model.SerializeAsString();
}

std::string sparse_model() {
  onnx::ModelProto model = empty_model();
  onnx::SparseTensorProto& sparse = *model.mutable_graph()->add_sparse_initializer();
  set_raw(*sparse.mutable_values(), "s");
  sparse.mutable_indices()->set_data_type(onnx::TensorProto::INT64);
  sparse.mutable_indices()->add_dims(6);
  for (std::int64_t i = 0; i < 6; ++i) sparse.mutable_indices()->add_int64_data(2 * i);
  sparse.add_dims(100);
  return model.SerializeAsString();
}

/// Points a tensor to the rest of a file, or to a range of it.
void set_external(onnx::TensorProto& tensor, const std::string& location, const std::string& offset,
                  const std::string& length) {
  tensor.clear_raw_data();
  tensor.set_data_location(onnx::TensorProto::EXTERNAL);
  const auto add = [&tensor](const std::string& key, const std::string& value) {
    if (value.empty()) return;
    onnx::StringStringEntryProto& entry = *tensor.add_external_data();
    entry.set_key(key);
    entry.set_value(value);
  };
  add("location", location);
  add("offset", offset);
  add("length", length);
}

std::string external_model() {
  onnx::ModelProto model = empty_model();
  onnx::TensorProto& tensor = *model.mutable_graph()->add_initializer();
  tensor.set_name("e");
  tensor.set_data_type(onnx::TensorProto::FLOAT);
  tensor.add_dims(4);
  set_external(tensor, "weights.bin", "16", "16");
  return model.SerializeAsString();
}

void write_onnx(const fs::path& folder) {
  write_seed(folder, "raw", raw_model());
  write_seed(folder, "typed", typed_model());
  write_seed(folder, "nested", nested_model());
  write_seed(folder, "sparse", sparse_model());
  write_seed(folder, "external", external_model());
}

using test::Pattern;

constexpr std::array kPatterns = {Pattern::kBell,     Pattern::kHalfZero,     Pattern::kSparseFew,
                                  Pattern::kConstant, Pattern::kChannelAlpha, Pattern::kHalfExact};

/// A tensor in the form that fuzz_layouts reads, with its byte for the element.
void write_layout(const fs::path& folder, const std::string& name, const LayoutEncoder& layout,
                  const test::TestTensor& tensor, std::uint8_t element,
                  const EncodeOptions& options) {
  const auto coded = test::encode_with(layout, tensor.view(), options);
  if (!coded) return;
  Bytes seed = {coded->front(), element};
  append_le(seed, static_cast<std::uint16_t>(tensor.view().count()));
  append(seed, ByteView(*coded).subspan(2));
  write_seed(folder, fmt::format("{}-{}", layout.name(), name), std::string(as_text(seed)));
}

/// Every layout of every element, and streams that are long enough for each stage.
void write_layouts(const fs::path& folder) {
  constexpr std::size_t kCount = 120;
  constexpr std::size_t kLong = 1500;
  for (std::size_t i = 0; i < test::kElements.size(); ++i) {
    const Element element = test::kElements[i];
    // Widths 1, 2, 4 and 8 are 0 to 3 there.
    const auto code = static_cast<std::uint8_t>(i / 2 | (element.is_float ? 0x10 : 0));
    for (const Pattern pattern : kPatterns) {
      const test::TestTensor tensor = test::make_tensor(pattern, element, kCount, 1, {6, 20, 0});
      for (const LayoutEncoder* layout : layout_encoders()) {
        for (const bool huffman : {false, true}) {
          EncodeOptions options;
          if (huffman) {
            options.stages = StageChoice::kHuffman;
            options.gap_mode = GapMode::kFiller;
          }
          write_layout(folder, fmt::format("{}-{}-{}", i, static_cast<int>(pattern), huffman),
                       *layout, tensor, code, options);
        }
      }
    }
    const test::TestTensor few = test::make_tensor(Pattern::kSparseFew, element, kLong, 1);
    for (const LayoutEncoder* layout : {&kPaletteEncoder, &kBitmapEncoder, &kCsrEncoder}) {
      write_layout(folder, fmt::format("{}-long", i), *layout, few, code, {});
    }
  }
}

void write_container(const fs::path& folder, const std::string& name, const PackSource& source,
                     const PackOptions& options = {}) {
  MemorySink sink;
  qc::write_container(source, options, sink);
  Bytes whole = {0};
  append(whole, sink.bytes());
  write_seed(folder, name, std::string(as_text(whole)));
  Bytes plain = {1};
  append(plain, fuzz::to_plain(sink.bytes()));
  write_seed(folder, name + "-plain", std::string(as_text(plain)));
}

void write_container(const fs::path& folder, const std::string& name, const OnnxModel& model,
                     const PackOptions& options = {}) {
  write_container(folder, name, pack_source(model), options);
}

/// A slot of each method, made of a base that is no model, as the decoder does not mind.
void write_update(const fs::path& folder) {
  const Bytes base = fuzz::base_of_updates();
  const ByteView range = ByteView(base).first(800);
  Bytes codebook;
  for (std::uint32_t i = 0; i < 8; ++i) append_le(codebook, 0x3f000000U + (i << 20));
  Bytes differences(800);
  differences[40] = 3;
  Bytes other(800);
  other[9] = 0x40;
  Bytes by_ranks = differences;
  if (restore_ranks(BaseMethod::kRanks32, range, codebook, by_ranks, heap())) {
    throw std::runtime_error("ranks");
  }
  Bytes by_xor = other;
  restore_xor(range, by_xor);

  test::ModelBuilder builder;
  builder.add_initializer("copy", DataType::kFloat, {200}, range);
  builder.add_initializer("xor", DataType::kFloat, {200}, by_xor);
  builder.add_initializer("ranks", DataType::kFloat, {200}, by_ranks);
  const OnnxModel model = builder.open();
  PackSource source = pack_source(model);
  source.base = {{"base.bin", base.size(), xxh3_128(base), 0}};
  const auto made_of_base = [&](std::size_t slot, BaseMethod method, ByteView stored) {
    source.slots[slot].base =
        SlotBase{method, -static_cast<std::int64_t>(source.slots[slot].offset), {}};
    source.slots[slot].view.data = stored;
  };
  made_of_base(0, BaseMethod::kCopy, range);
  made_of_base(1, BaseMethod::kXor, other);
  made_of_base(2, BaseMethod::kRanks32, differences);
  source.slots[2].base->codebook = codebook;
  write_container(folder, "update", source);
}

/// Units of one slot and of several, repeats, transposed repeats, chunks, external data, and a
/// model that is stored as a whole.
void write_containers(const fs::path& folder) {
  const test::TestTensor half = test::make_tensor(Pattern::kHalfExact, {4, true}, 160, 1);
  const test::TestTensor alpha =
      test::make_tensor(Pattern::kChannelAlpha, {4, true}, 200, 1, {4, 50, 0});
  const auto bell = test::bell_values(256, 1);

  test::ModelBuilder layers;
  layers.add_initializer("w", DataType::kFloat, {4, 5, 2, 5}, alpha.data).add_node("Conv", {"w"});
  layers.add_batch_norm("norm", 4).add_gemm("gemm", {16, 16}, bell);
  write_container(folder, "layers", layers.open());

  test::ModelBuilder pool;
  for (std::size_t i = 0; i < 8; ++i) {
    pool.add_floats("w" + std::string(i, 'x'), {32}, std::span(bell).subspan(32 * i, 32));
  }
  write_container(folder, "pool", pool.open());

  Bytes turned(half.data.size());
  transpose(half.data, {10, 16, 4}, turned);
  test::ModelBuilder copies;
  copies.add_initializer("a", DataType::kFloat, {10, 16}, half.data);
  copies.add_initializer("b", DataType::kFloat, {10, 16}, half.data);
  copies.add_initializer("c", DataType::kFloat, {16, 10}, turned);
  write_container(folder, "copies", copies.open());

  const test::TestTensor sparse = test::make_tensor(Pattern::kSparseFew, {4, true}, 8300, 1);
  test::ModelBuilder large;
  large.add_initializer("w", DataType::kFloat, {83, 100}, sparse.data);
  PackOptions chunks;
  chunks.chunk_bytes = 8000;
  write_container(folder, "chunks", large.open(), chunks);

  test::ModelBuilder whole;
  whole.add_initializer("w", DataType::kFloat, {10}, Bytes(40, 1));
  write_container(folder, "whole", whole.open());

  test::ModelBuilder external;
  external.add_initializer("w", DataType::kFloat, {4, 50}, {}).add_node("Conv", {"w"});
  set_external(*external.proto().mutable_graph()->mutable_initializer(0), "weights.bin", {}, {});
  std::vector<std::pair<fs::path, Bytes>> files;
  files.emplace_back("m.onnx", external.bytes());
  files.emplace_back("weights.bin", alpha.data);
  write_container(folder, "external", OnnxModel::from_memory(std::move(files)));

  write_update(folder);
}

std::string gzip(const fs::path& scratch, const std::string& bytes) {
  const gzFile file = gzopen(scratch.c_str(), "wb9");
  const bool written =
      file != nullptr && gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size())) > 0;
  if (file == nullptr || gzclose(file) != Z_OK || !written) throw std::runtime_error("gzip");
  const MappedFile compressed(scratch);
  return std::string(as_text(compressed.bytes()));
}

/// A data set as fuzz_data reads it, of two files or of one.
std::string data_seed(char kind, const std::string& labels, const std::string& samples) {
  const auto size = static_cast<std::uint16_t>(labels.size());
  return std::string(1, kind) + static_cast<char>(size & 0xffU) + static_cast<char>(size >> 8U) +
         labels + samples;
}

std::string data_seed(char kind, const std::string& samples) {
  return std::string(1, kind) + samples;
}

void write_data(const fs::path& folder) {
  write_seed(folder, "recipe", std::string(1, '\0') + R"(name = "a"
seed = 3
validation = 0.2
[defaults]
epochs = 1
[[step]]
do = "prune"
rate = 0.8
exclude = ["fc*", 'b']
[[step]]
do = "share"
bits = 4
[pack]
huffman = true
)");
  write_seed(folder, "config",
             "\x01"
             R"(scale = 0.5
mean = [0.5]
std = 0.25
layout = "NHWC"
channels = "RGB"
resize = 4
crop = [2, 2]
classes = 10
[data]
input = "x"
[inputs.h]
default = 0.5
shape = [1, 2]
[audio]
rate = 8000
window = 4
hop = 2
[text]
encoding = "utf-8"
length = 4
)");

  const std::string labels("\0\0\x08\x01\0\0\0\x02\0\x01", 10);
  const std::string images("\0\0\x08\x03\0\0\0\x02\0\0\0\x02\0\0\0\3uvwxyzUVWXYZ", 28);
  const fs::path scratch = folder / "scratch";
  write_seed(folder, "idx", data_seed(2, labels, images));
  write_seed(folder, "idx-gz", data_seed(3, gzip(scratch, labels), gzip(scratch, images)));

  const NpzArray numbers{"y_train", "<i8", {2}, Bytes(16)};
  const NpzArray floats{"x_train", "<f4", {2, 1, 2, 2}, Bytes(32)};
  const Bytes y = make_npy(numbers);
  const Bytes x = make_npy(floats);
  write_seed(folder, "npy", data_seed(4, std::string(as_text(y)), std::string(as_text(x))));
  fs::remove(scratch);
  write_npz(scratch, std::array{numbers, floats});
  write_seed(folder, "npz", data_seed(5, std::string(as_text(MappedFile(scratch).bytes()))));

  // A grey pixel.
  const std::string png(
      "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\0\0\0\0:~\x9bU\0\0\0\nIDATx\xda"
      "c`\0\0\0\2\0\1\xe5'\xde\xfc\0\0\0\0IEND\xae"
      "B`\x82",
      67);
  write_seed(folder, "csv", data_seed(6, "file,class\na.png,0\n\"a.png\",1,more\n", png));
  write_seed(folder, "cifar", data_seed(7, gzip(scratch, std::string(3073, '\1'))));
  fs::remove(scratch);
}

/// Samples for a network, whose kinds are numbered from 240 on.
void write_feeds(const fs::path& folder) {
  const fs::path scratch = folder / "scratch";
  const auto write_archive = [&](const std::string& name, char kind, const NpzArray& array) {
    write_npz(scratch, std::array{array});
    write_seed(folder, name, data_seed(kind, std::string(as_text(MappedFile(scratch).bytes()))));
    fs::remove(scratch);
  };
  write_archive("feeds-npz", '\xf0', {"x", "<f4", {2, 1, 2}, Bytes(16)});
  write_archive("feeds-npz-bytes", '\xf1', {"x", "|u1", {2, 3}, Bytes(6)});
  onnx::TensorProto tensor;
  set_raw(tensor, "x");
  write_seed(folder, "feeds-pb", data_seed('\xf2', tensor.SerializeAsString()));
  write_seed(folder, "feeds-txt", data_seed('\xf4', "ab\n\xc3\xa4\n"));
  const std::string wav(
      "RIFF\x28\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x40\x1f\0\0\x80\x3e\0\0\2\0\x10\0"
      "data\4\0\0\0\0\x40\0\xc0",
      48);
  write_seed(folder, "feeds-wav", data_seed('\xf5', wav));
}

void write_corpus(const fs::path& folder) {
  write_data(folder / "data");
  write_feeds(folder / "data");
  write_onnx(folder / "onnx");
  write_layouts(folder / "layouts");
  write_containers(folder / "container");
}

}  // namespace
}  // namespace qc

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: make_corpus FOLDER\n";
    return 2;
  }
  try {
    qc::write_corpus(argv[1]);
  } catch (const std::exception& error) {
    std::cerr << "make_corpus: " << error.what() << '\n';
    return 1;
  }
  return 0;
}
