// Files of other frameworks are told by name, with the way to ONNX.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "core/error.h"
#include "formats/onnx/onnx_model.h"
#include "formats/qc/read/qc_reader.h"
#include "formats/signatures/foreign_files.h"
#include "harness.h"
#include "model_files.h"

namespace qc {
namespace {

using namespace std::literals;
using testing::HasSubstr;

struct Foreign {
  std::string_view name;
  std::string bytes;
  std::string_view kind;
  std::string_view way;
};

// A ZIP archive of one empty file that is stored.
std::string zip_of(const std::string& file) {
  std::string local = "PK\x03\x04"s + std::string(22, '\0');
  local += static_cast<char>(file.size());
  local += std::string(3, '\0') + file;
  std::string central = "PK\x01\x02"s + std::string(24, '\0');
  central += static_cast<char>(file.size());
  return local + central + std::string(17, '\0') + file + "PK\x05\x06" + std::string(18, '\0');
}

class ForeignFile : public testing::TestWithParam<Foreign> {};

TEST_P(ForeignFile, IsNamedWithTheWayToOnnx) {
  const Bytes bytes(GetParam().bytes.begin(), GetParam().bytes.end());
  const std::string found = foreign_format(bytes);
  EXPECT_THAT(found, HasSubstr(GetParam().kind));
  EXPECT_THAT(found, HasSubstr(GetParam().way));
  const harness::TempDir folder;
  harness::write_file(folder / "net.pt", GetParam().bytes);
  for (const bool packed : {false, true}) {
    try {
      if (packed) QcReader::open(folder / "net.pt");
      if (!packed) OnnxModel::open(folder / "net.pt");
      FAIL() << "accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
      EXPECT_THAT(error.what(), HasSubstr("net.pt: this is "));
      EXPECT_THAT(error.what(), HasSubstr(GetParam().kind));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, ForeignFile,
    testing::Values(
        Foreign{"TorchZip", zip_of("archive/data.pkl"), "PyTorch", "torch.onnx.export"},
        Foreign{"TorchLegacy",
                "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03."s,
                "PyTorch", "torch.onnx.export"},
        Foreign{"Pickle", "\x80\x04\x95\x06\0\0\0\0\0\0\0}\x94\x8c\x01a\x94."s, "Python pickle",
                "torch.onnx.export"},
        Foreign{"Hdf5", "\x89HDF\r\n\x1a\n\0\0\0\0\0\x08\x08\0"s, "Keras", "--keras"},
        Foreign{"KerasZip", zip_of("model.weights.h5"), "Keras", "--keras"},
        Foreign{"TfLite", "\x1c\0\0\0TFL3\x14\0\x20\0\x1c\0\x18\0"s, "TensorFlow Lite", "--tflite"},
        Foreign{"Safetensors", "\x0a\0\0\0\0\0\0\0{\"a\": 1} "s, "safetensors",
                "torch.onnx.export"},
        Foreign{"Gguf", "GGUF\x03\0\0\0"s, "GGUF", "no way"},
        Foreign{"Numpy", "\x93NUMPY\x01\0"s, "NumPy", "export"},
        Foreign{"Zip", zip_of("model.onnx"), "ZIP", "unpack"},
        Foreign{"Gzip", "\x1f\x8b\x08\0\0\0\0\0\0\x03"s, "gzip", "gunzip"}),
    [](const auto& foreign) { return std::string(foreign.param.name); });

TEST(ForeignFormat, OtherFilesAreNotGuessed) {
  EXPECT_EQ(foreign_format({}), "");
  const std::string text = "These are notes, not a model.";
  EXPECT_EQ(foreign_format(Bytes(text.begin(), text.end())), "");
  const std::string model = harness::read_file(harness::sample_model());
  EXPECT_EQ(foreign_format(Bytes(model.begin(), model.end())), "");
}

}  // namespace
}  // namespace qc
