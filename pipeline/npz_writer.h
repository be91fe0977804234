// Writes .npz files: zip archives of NumPy arrays.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "core/bytes.h"

namespace qc {

/// One array, row-major.
struct NpzArray {
  std::string name;
  std::string descr;  ///< NumPy's name of the element type: "|b1", "|u1", "<u4"
  std::vector<std::int64_t> shape;
  Bytes elements;
};

/// An array as the bytes of an .npy file, version 1.0 (numpy.lib.format).
Bytes make_npy(const NpzArray& array);

/// Writes the arrays, not compressed, for numpy.load. Throws Error(kFile).
void write_npz(const std::filesystem::path& path, std::span<const NpzArray> arrays);

}  // namespace qc
