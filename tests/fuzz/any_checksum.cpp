#include <cstdlib>

// Fuzz targets take every checksum for right (formats/qc/decode/checksum.h). libFuzzer calls this
// before the first input.
extern "C" int LLVMFuzzerInitialize(int* /*count*/, char*** /*arguments*/) {
  return setenv("QC_FUZZ_ANY_CHECKSUM", "1", 1);
}
