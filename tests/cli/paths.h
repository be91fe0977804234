// Where the programs under test and the sources are. Only paths.cpp knows, so that a compiler cache
// has the tests of every checkout.
#pragma once

#include <filesystem>

namespace qc::harness {

/// The root of the project.
std::filesystem::path source_dir();

/// The programs that were built: qcompress, qcompress_shapes, and the makers of samples.
const char* program();
const char* shape_program();
const char* make_digits();
const char* make_sample();

}  // namespace qc::harness
