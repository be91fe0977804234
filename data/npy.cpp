#include "data/npy.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <optional>
#include <string_view>

#include "core/error.h"

namespace qc {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::size_t kMaxRank = 32;  // NumPy's own limit

struct ElementType {
  std::string_view descr;
  DataType type;
};

constexpr std::array kElementTypes = {
    ElementType{"|u1", DataType::kUint8},   ElementType{"|i1", DataType::kInt8},
    ElementType{"<u2", DataType::kUint16},  ElementType{"<i2", DataType::kInt16},
    ElementType{"<u4", DataType::kUint32},  ElementType{"<i4", DataType::kInt32},
    ElementType{"<u8", DataType::kUint64},  ElementType{"<i8", DataType::kInt64},
    ElementType{"<f2", DataType::kFloat16}, ElementType{"<f4", DataType::kFloat},
    ElementType{"<f8", DataType::kDouble},  ElementType{"|b1", DataType::kBool},
};

// The header is a Python dictionary in text: {'descr': '<f4', 'fortran_order': False, 'shape':
// (60000, 784), }, padded with spaces.
class HeaderText {
 public:
  HeaderText(std::string_view text, const std::string& name) : rest_(text), name_(name) {}

  NpyHeader parse() {
    NpyHeader header;
    bool fortran = false;
    unsigned seen = 0;
    expect("{");
    while (!accept("}")) {
      const std::string_view key = quoted();
      expect(":");
      if (key == "descr") {
        header.type = element_type();
        seen |= 1U;
      } else if (key == "fortran_order") {
        fortran = accept("True");
        if (!fortran) expect("False");
        seen |= 2U;
      } else if (key == "shape") {
        header.shape = tuple();
        seen |= 4U;
      } else {
        damaged();
      }
      if (!accept(",")) {
        expect("}");
        break;
      }
    }
    skip_spaces();
    if (seen != 7 || !rest_.empty()) damaged();
    if (fortran && header.shape.size() > 1) {
      throw Error(ErrorCode::kUnsupported,
                  fmt::format("{} is in Fortran order; save numpy.ascontiguousarray of it", name_));
    }
    return header;
  }

 private:
  [[noreturn]] void damaged() const {
    throw Error(ErrorCode::kCorrupt, fmt::format("{} is damaged: its .npy header is wrong", name_));
  }

  void skip_spaces() {
    while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\n'))
      rest_.remove_prefix(1);
  }

  bool accept(std::string_view token) {
    skip_spaces();
    if (!rest_.starts_with(token)) return false;
    rest_.remove_prefix(token.size());
    return true;
  }

  void expect(std::string_view token) {
    if (!accept(token)) damaged();
  }

  std::string_view quoted() {
    skip_spaces();
    if (rest_.empty() || (rest_.front() != '\'' && rest_.front() != '"')) damaged();
    const std::size_t end = rest_.find(rest_.front(), 1);
    if (end == std::string_view::npos) damaged();
    const std::string_view text = rest_.substr(1, end - 1);
    rest_.remove_prefix(end + 1);
    return text;
  }

  DataType element_type() {
    const bool structured = accept("[");
    const std::string_view descr = structured ? std::string_view("structured") : quoted();
    for (const ElementType& known : kElementTypes) {
      if (known.descr == descr) return known.type;
    }
    throw Error(ErrorCode::kUnsupported,
                fmt::format("{} has elements of type \"{}\"; read are little-endian integers, "
                            "float16, float32, float64 and bool",
                            name_, descr));
  }

  std::vector<std::int64_t> tuple() {
    std::vector<std::int64_t> dims;
    expect("(");
    while (!accept(")")) {
      skip_spaces();
      std::int64_t dim = 0;
      const char* end = rest_.data() + rest_.size();
      const auto [after, error] = std::from_chars(rest_.data(), end, dim);
      if (error != std::errc() || dim < 0 || dims.size() == kMaxRank) damaged();
      rest_.remove_prefix(static_cast<std::size_t>(after - rest_.data()));
      dims.push_back(dim);
      if (!accept(",")) {
        expect(")");
        break;
      }
    }
    return dims;
  }

  std::string_view rest_;
  const std::string& name_;
};

}  // namespace

NpyHeader parse_npy_header(ByteView first, const std::string& name) {
  ByteReader reader(first);
  const ByteView magic = reader.take(kMagic.size());
  if (as_text(magic) != kMagic) {
    throw Error(
        ErrorCode::kCorrupt,
        fmt::format("{} is not an .npy file: it does not begin with its magic number", name));
  }
  const unsigned version = reader.u8();
  reader.u8();
  if (version > 3) {
    throw Error(ErrorCode::kUnsupported,
                fmt::format("{} is an .npy file of version {}; read are 1 to 3", name, version));
  }
  const std::uint64_t length =
      version <= 1 ? reader.le<std::uint16_t>() : reader.le<std::uint32_t>();
  const ByteView text = reader.take(length);
  if (!reader.ok() || version == 0) {
    throw Error(ErrorCode::kCorrupt, fmt::format("{} is truncated or damaged: its .npy header is "
                                                 "not whole",
                                                 name));
  }
  NpyHeader header = HeaderText(as_text(text), name).parse();
  header.offset = first.size() - reader.rest().size();
  const std::uint64_t element = data_type_bits(header.type) / 8;
  const auto count = element_count(header.shape);
  if (!count || *count > (std::uint64_t{1} << 62) / element) {
    throw Error(ErrorCode::kCorrupt, fmt::format("{} announces an impossible size", name));
  }
  header.size = header.offset + *count * element;
  return header;
}

}  // namespace qc
