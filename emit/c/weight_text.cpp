// Arrays of constants as C.
#include <fmt/format.h>

#include <cstring>
#include <limits>

#include "core/bytes.h"
#include "core/error.h"
#include "emit/c/identifiers.h"
#include "emit/c/numbers.h"
#include "emit/c/writer.h"

namespace qc::c {
namespace {

constexpr std::size_t kLineWidth = 96;

struct ElementType {
  std::string_view name;
  std::size_t bytes;
  std::string (*text)(const std::uint8_t* at);
};

template <typename T>
std::string number(const std::uint8_t* at) {
  const T value = load_le<T>(at);
  if constexpr (std::numeric_limits<T>::is_signed && sizeof(T) >= 4) {
    // C has no negative literals: the least number is an expression.
    if (value == std::numeric_limits<T>::min()) {
      return sizeof(T) == 4 ? "(-2147483647 - 1)" : "(-INT64_C(9223372036854775807) - 1)";
    }
    if (sizeof(T) == 8) return fmt::format("INT64_C({})", value);
  }
  if constexpr (!std::numeric_limits<T>::is_signed && sizeof(T) >= 4) {
    return fmt::format("{}{}", value, sizeof(T) == 8 ? "ULL" : "U");
  }
  return fmt::format("{}", value);
}

std::string real(const std::uint8_t* at) { return float_literal(load_le<float>(at)); }

constexpr ElementType kTypes[] = {
    {"float", 4, real},
    {"int8_t", 1, number<std::int8_t>},
    {"uint8_t", 1, number<std::uint8_t>},
    {"int16_t", 2, number<std::int16_t>},
    {"uint16_t", 2, number<std::uint16_t>},
    {"int32_t", 4, number<std::int32_t>},
    {"uint32_t", 4, number<std::uint32_t>},
    {"int64_t", 8, number<std::int64_t>},
    {"uint64_t", 8, number<std::uint64_t>},
};

const ElementType& element_type(const ConstantArray& array) {
  for (const ElementType& type : kTypes) {
    if (type.name == array.type) return type;
  }
  throw Error(ErrorCode::kInternal, "an array of elements of type " + array.type);
}

void append_elements(std::string& text, const ConstantArray& array, const ElementType& type) {
  std::string line = "   ";
  for (std::size_t at = 0; at < array.bytes.size(); at += type.bytes) {
    const std::string element = type.text(array.bytes.data() + at);
    if (line.size() + element.size() + 2 > kLineWidth) {
      text += line + "\n";
      line = "   ";
    }
    line += ' ';
    line += element;
    line += ',';
  }
  text += line + "\n";
}

}  // namespace

std::string array_declarations(const Plan& plan, const std::string& prefix) {
  std::string text;
  for (const ConstantArray& array : plan.arrays) {
    text += fmt::format("extern const {} {}_{}[{}];\n", array.type, prefix, array.name,
                        array.bytes.size() / element_type(array).bytes);
  }
  return text;
}

std::string weights_text(const Plan& plan, const ProgramNames& names) {
  std::string text = fmt::format(
      "/* The constants of {}: {} bytes. */\n#include <math.h>\n#include <stdint.h>\n\n"
      "#include \"{}.h\"\n\n",
      names.name, plan.constant_bytes(), names.name);
  text += array_declarations(plan, names.name);
  for (const ConstantArray& array : plan.arrays) {
    const ElementType& type = element_type(array);
    text += fmt::format("\n/* {}: {} bytes. */\nconst {} {}_{}[{}] = {{\n",
                        comment_text(array.comment), array.bytes.size(), array.type, names.name,
                        array.name, array.bytes.size() / type.bytes);
    append_elements(text, array, type);
    text += "};\n";
  }
  return text;
}

}  // namespace qc::c
