// Tests that infer shapes find the program for it in the build, however they are started.
#include <cstdlib>

namespace {

[[maybe_unused]] const int kSet = ::setenv("QCOMPRESS_SHAPES", QC_SHAPE_PROGRAM, 0);

}  // namespace
