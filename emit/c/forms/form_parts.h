// What the encoders of forms share: the table's rows, parts of coded weights, few values as codes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/bytes.h"
#include "emit/c/weights.h"

namespace qc::c {

extern const WeightForm kDenseForm;
extern const WeightForm kCodebookForm;
extern const WeightForm kRadixForm;
extern const WeightForm kSparseForm;
extern const WeightForm kSparseRiceForm;
extern const WeightForm kSparse16Form;
extern const WeightForm kBinaryForm;
extern const WeightForm kTernaryForm;
extern const WeightForm kLevelsForm;
extern const WeightForm kXnorForm;

extern const TileForm kDenseTiles;
extern const TileForm kSparseTiles;
extern const TileForm kTernaryTiles;
extern const TileForm kXnorTiles;
extern const TileForm kBitsTiles;

/// The time of a kernel by tiles: it calculates whole vectors, also where lines are shorter.
std::uint64_t tile_time(const WeightMatrix& weights, std::uint64_t time);

/// The scales of up to three planes of bits.
using PlaneScales = std::array<float, 3>;

/// For a matrix of -a and a, or one of -b, 0 and a: {a} or {a, -b} for the matrix, or else for each
/// row; empty where it is none.
std::vector<PlaneScales> find_binary_scales(const WeightMatrix& weights);
std::vector<PlaneScales> find_ternary_scales(const WeightMatrix& weights);

/// Appends an array to the parts, or a number, and counts its bytes as flash.
void add_array(CodedWeights& weights, std::string_view suffix, std::string_view type, Bytes bytes);
void add_floats(CodedWeights& weights, std::string_view suffix, std::span<const float> values);
void add_number(CodedWeights& weights, std::uint64_t number);
/// An array of a scale for each row, or NULL where there are none.
void add_scales(CodedWeights& weights, std::span<const float> scales);

/// Writes numbers of a few bits, the lowest bits of a byte first.
class BitWriter {
 public:
  void put(std::uint64_t number, unsigned bits);
  /// The bytes, and after them three zeros that the kernels may read.
  Bytes finish();

 private:
  Bytes bytes_;
  unsigned used_ = 8;  // bits of the last byte
};

/// Bits that tell `count` values apart: at least 1.
unsigned bits_for(std::size_t count);

/// A matrix of at most 256 values: weight = scale of its row (1 where there are none) * value.
struct MatrixCodes {
  std::vector<float> values;  ///< rising; zeros are positive
  std::vector<std::uint8_t> codes;
  std::vector<float> scales;  ///< one a row, or none
};

/// As the matrix is, and with the least magnitude of each row as its scale, where that gives the
/// same weights; none, one or both.
std::vector<MatrixCodes> find_codes(const WeightMatrix& weights);

/// The same without the zeros of the matrix: their codes mean nothing.
std::vector<MatrixCodes> find_codes_of_others(const WeightMatrix& weights);

/// Elements that are not zero. Not a number counts as one.
std::uint64_t count_nonzero(std::span<const float> values);

}  // namespace qc::c
