// Tests that infer shapes find the program for it in the build, however they are started.
#include <cstdlib>

#include "paths.h"

namespace {

[[maybe_unused]] const int kSet = ::setenv("QCOMPRESS_SHAPES", qc::harness::shape_program(), 0);

}  // namespace
