// Writes encoded tensors of every layout and their elements, for decode_cases.
#include <cstdio>
#include <fstream>

#include "codecs/encode/layout.h"
#include "codecs/encode/tensor_encoder.h"
#include "test_tensors.h"

namespace qc {
namespace {

void write_case(std::ofstream& out, const test::TestTensor& tensor, const Bytes& coded) {
  Bytes record;
  append_le(record, static_cast<std::uint32_t>(coded.size()));
  append_le(record, static_cast<std::uint32_t>(tensor.data.size()));
  append(record, coded);
  append(record, tensor.data);
  out.write(reinterpret_cast<const char*>(record.data()),
            static_cast<std::streamsize>(record.size()));
}

// Every layout with every stage that it takes by itself.
void write_cases(std::ofstream& out, const test::TestTensor& tensor) {
  for (const LayoutEncoder* layout : layout_encoders()) {
    for (const StageChoice& stages : {StageChoice::kSmallest, StageChoice::kFast}) {
      EncodeOptions options;
      options.stages = stages;
      const auto coded = test::encode_with(*layout, tensor.view(), options);
      if (coded) write_case(out, tensor, *coded);
    }
  }
}

}  // namespace
}  // namespace qc

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: write_decode_cases FILE\n");
    return 2;
  }
  std::ofstream out(argv[1], std::ios::binary);
  for (const qc::Element element : qc::test::kElements) {
    for (std::size_t pattern = 0; pattern < qc::test::kPatternCount; ++pattern) {
      for (const std::size_t count : {std::size_t{1}, std::size_t{300}, qc::kBlock + 100}) {
        qc::write_cases(out, qc::test::make_tensor(static_cast<qc::test::Pattern>(pattern), element,
                                                   count, pattern, {8, 11, 0}));
      }
    }
  }
  // Streams in the most parts, and results that are stored past the caches.
  for (const auto pattern : {qc::test::Pattern::kBell, qc::test::Pattern::kSparseFew}) {
    const qc::test::TestTensor tensor = qc::test::make_tensor(pattern, {4, true}, 300000, 1);
    for (const qc::EncodeOptions& options : {qc::presets::kFast, qc::presets::kDefault}) {
      qc::write_case(out, tensor, qc::encode_tensor(tensor.view(), options));
    }
  }
  out.close();
  return out ? 0 : 1;
}
