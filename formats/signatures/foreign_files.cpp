#include "formats/signatures/foreign_files.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace qc {
namespace {

using namespace std::literals;

// Names of a ZIP archive's files stand at its end, and of the first ones at its beginning.
constexpr std::size_t kSearched = std::size_t{1} << 20;

constexpr std::string_view kTorch =
    "a PyTorch file, not an ONNX model; in Python load it into its network and export that: "
    "torch.onnx.export(net.eval(), example_input, \"model.onnx\")";
constexpr std::string_view kPickle =
    "a Python pickle, not an ONNX model; where it holds a PyTorch network, load that in Python and "
    "export it: torch.onnx.export(net.eval(), example_input, \"model.onnx\")";
constexpr std::string_view kKeras =
    "a Keras model, not an ONNX model; convert it with tf2onnx: "
    "python3 -m tf2onnx.convert --keras FILE --output model.onnx";
constexpr std::string_view kTfLite =
    "a TensorFlow Lite model, not an ONNX model; convert it with tf2onnx: "
    "python3 -m tf2onnx.convert --tflite FILE --output model.onnx";
constexpr std::string_view kSafetensors =
    "a safetensors file: weights without a graph; in Python load them into their network and "
    "export that: torch.onnx.export(net.eval(), example_input, \"model.onnx\")";
constexpr std::string_view kGguf =
    "a GGUF file: weights for llama.cpp, without a graph; there is no way to ONNX but from the "
    "network that they were made of";
constexpr std::string_view kNumpy =
    "a NumPy array, not an ONNX model; export the network that it belongs to";
constexpr std::string_view kZip = "a ZIP archive; unpack it and name the .onnx file in it";
constexpr std::string_view kGzip = "compressed by gzip; unpack it first: gunzip";

struct Magic {
  std::size_t offset;
  std::string_view bytes;
  std::string_view meaning;
};

constexpr std::array kMagics = std::to_array<Magic>({
    {0, "\x89HDF\r\n\x1a\n"sv, kKeras},
    {4, "TFL3"sv, kTfLite},
    {0, "GGUF"sv, kGguf},
    {0, "\x93NUMPY"sv, kNumpy},
    {0, "\x1f\x8b\x08"sv, kGzip},
    // A safetensors file starts with the length of a JSON object, below 2^32.
    {4, "\0\0\0\0{\""sv, kSafetensors},
});

bool contains(std::string_view text, std::string_view word) {
  return text.find(word) != std::string_view::npos;
}

std::string_view zip_meaning(std::string_view text) {
  const std::string_view begin = text.substr(0, kSearched);
  const std::string_view end = text.substr(text.size() - std::min(text.size(), kSearched));
  const auto holds = [&](std::string_view name) {
    return contains(begin, name) || contains(end, name);
  };
  if (holds("data.pkl"sv)) return kTorch;
  if (holds("model.weights.h5"sv)) return kKeras;
  return kZip;
}

// A pickle of protocol 2 to 5 ends with STOP.
std::string_view pickle_meaning(std::string_view text) {
  // Before PyTorch 1.6 its files began with a pickled magic number.
  constexpr std::string_view kTorchMagic = "\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."sv;
  if (text.substr(2).starts_with(kTorchMagic)) return kTorch;
  return text.ends_with('.') ? kPickle : ""sv;
}

}  // namespace

std::string foreign_format(ByteView bytes) {
  const std::string_view text = as_text(bytes);
  for (const Magic& magic : kMagics) {
    if (text.size() > magic.offset && text.substr(magic.offset).starts_with(magic.bytes)) {
      return std::string(magic.meaning);
    }
  }
  if (text.starts_with("PK\x03\x04"sv)) return std::string(zip_meaning(text));
  const bool pickled = text.size() > 2 && text[0] == '\x80' && text[1] >= 2 && text[1] <= 5;
  return std::string(pickled ? pickle_meaning(text) : ""sv);
}

}  // namespace qc
