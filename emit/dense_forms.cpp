// Forms with a code for every element.
#include <utility>

#include "emit/forms.h"

namespace qc {
namespace {

HostTensor plain_codes(const TensorCodes& tensor) {
  constexpr std::size_t kByteValues = 256;
  HostTensor codes;
  codes.dims = tensor.dims;
  if (tensor.codebook.size() <= kByteValues) {
    codes.type = DataType::kUint8;
    codes.bytes.assign(tensor.codes.begin(), tensor.codes.end());
    return codes;
  }
  codes.type = DataType::kUint16;
  codes.bytes.reserve(2 * tensor.count());
  for (const std::uint32_t code : tensor.codes) {
    append_le(codes.bytes, static_cast<std::uint16_t>(code));
  }
  return codes;
}

bool make_codebook(const TensorCodes& tensor, std::int64_t /*opset*/, Decoding& decoding) {
  if (tensor.codebook.empty()) return false;
  const std::string codes = decoding.cast(decoding.tensor(plain_codes(tensor)), DataType::kInt32);
  decoding.finish("Gather", {decoding.tensor(tensor.values(tensor.codebook)), codes});
  return true;
}

bool make_packed_codes(const TensorCodes& tensor, std::int64_t /*opset*/, Decoding& decoding) {
  if (tensor.codebook.empty()) return false;
  const std::uint64_t count = tensor.count();
  if (tensor.codebook.size() == 1) {
    decoding.finish("Expand",
                    {decoding.tensor(tensor.values(tensor.codebook)), decoding.list(tensor.dims)});
    return true;
  }
  const Packing packing = best_packing(static_cast<std::uint32_t>(tensor.codebook.size()), count);
  if (count * data_type_bits(packing.type()) / 8 > kMaxStepBytes) return false;
  const Unpacked codes = unpack_digits(decoding, tensor.codes, packing, tensor.dims);
  std::string indices = codes.value;
  if (!codes.exact) indices = first_elements(decoding, decoding.flatten(indices), count);
  const std::string codebook = decoding.tensor(tensor.values(tensor.codebook));
  if (codes.shaped || (!codes.exact && tensor.dims.size() == 1)) {
    decoding.finish("Gather", {codebook, indices});
  } else {
    decoding.finish_reshaped(decoding.node("Gather", {codebook, indices}), tensor.dims);
  }
  return true;
}

}  // namespace

const TensorForm kCodebookForm = {
    .name = "codebook",
    .families = {FormFamily::kCompact, FormFamily::kCodebook, FormFamily::kQdq},
    .opset = 7,
    .operators = {"Cast", "Gather"},
    .make = make_codebook};

const TensorForm kPackedCodesForm = {
    .name = "packed",
    .families = {FormFamily::kCompact},
    .opset = 11,
    .operators = {"Cast", "Div", "Expand", "Gather", "MatMul", "Mod", "Reshape", "Slice"},
    .make = make_packed_codes};

}  // namespace qc
