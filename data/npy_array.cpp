#include "data/npy_array.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/error.h"

namespace qc {
namespace {

// `read` gets a function that parses the header.
template <typename Read>
NpyArray read_array(const std::string& name, const CheckHeader& check, const Read& read) {
  NpyHeader header;
  Blob blob = read([&](ByteView first) {
    header = parse_npy_header(first, name);
    check(header);
    return header.size;
  });
  return {.name = name, .header = std::move(header), .blob = std::move(blob)};
}

}  // namespace

NpyArray read_npy(const std::filesystem::path& path, const CheckHeader& check) {
  return read_array(path.string(), check,
                    [&](const AnnouncedSize& announced) { return read_blob(path, announced); });
}

std::string npz_member_name(const ZipArchive& archive, const std::string& array) {
  return fmt::format("{}.npy in {}", array, archive.name());
}

NpyArray read_npz_member(const ZipArchive& archive, const std::string& array,
                         const CheckHeader& check) {
  const std::string member = fmt::format("{}.npy", array);
  if (!archive.contains(member)) {
    throw Error(ErrorCode::kFile, fmt::format("{} has no member {}", archive.name(), member));
  }
  return read_array(npz_member_name(archive, array), check, [&](const AnnouncedSize& announced) {
    return archive.read(member, announced);
  });
}

CheckHeader holds_labels(const std::string& name) {
  return [name](const NpyHeader& header) {
    const bool column = header.shape.size() == 2 && header.shape[1] == 1;
    const DataType type = header.type;
    const bool real =
        type == DataType::kFloat || type == DataType::kDouble || type == DataType::kFloat16;
    if (real || (header.shape.size() != 1 && !column)) {
      throw Error(ErrorCode::kUnsupported,
                  fmt::format("{} holds {} of shape {}; labels are whole numbers, one per sample",
                              name, data_type_name(type), shape_text(header.shape)));
    }
    const auto count = static_cast<std::uint64_t>(header.shape[0]);
    require_memory(name, std::min(count, kMaxInMemory) * sizeof(std::int64_t));
  };
}

std::vector<std::int64_t> npy_labels(const NpyArray& array) {
  const DataType type = array.header.type;
  const std::size_t width = data_type_bits(type) / 8;
  const bool is_signed = type == DataType::kInt8 || type == DataType::kInt16 ||
                         type == DataType::kInt32 || type == DataType::kInt64;
  const ByteView payload = array.elements();
  std::vector<std::int64_t> labels(payload.size() / width);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    std::uint64_t bits = 0;
    std::memcpy(&bits, payload.data() + i * width, width);
    const unsigned unused = 64 - 8 * static_cast<unsigned>(width);
    const auto extended = static_cast<std::int64_t>(bits << unused) >> unused;
    labels[i] = is_signed ? extended : static_cast<std::int64_t>(bits);
  }
  return labels;
}

}  // namespace qc
