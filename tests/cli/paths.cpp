#include "paths.h"

namespace qc::harness {

std::filesystem::path source_dir() { return QC_SOURCE_DIR; }

const char* program() { return QC_BINARY; }

const char* shape_program() { return QC_SHAPE_PROGRAM; }

const char* make_digits() { return QC_MAKE_DIGITS; }

const char* make_sample() { return QC_MAKE_SAMPLE; }

}  // namespace qc::harness
