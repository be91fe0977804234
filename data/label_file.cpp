#include "data/label_file.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <string_view>

#include "core/bytes.h"
#include "core/error.h"
#include "data/blob.h"
#include "system/file.h"

namespace qc {
namespace {

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r')) {
    text.remove_suffix(1);
  }
  return text;
}

// Takes the next field of a line off its front; quotes as in RFC 4180, but not across lines.
std::optional<std::string> take_field(std::string_view& line) {
  std::string field;
  if (!line.starts_with('"')) {
    const std::size_t comma = line.find(',');
    field = trim(line.substr(0, comma));
    line = comma == std::string_view::npos ? std::string_view() : line.substr(comma + 1);
    return field;
  }
  line.remove_prefix(1);
  while (true) {
    const std::size_t quote = line.find('"');
    if (quote == std::string_view::npos) return std::nullopt;
    field += line.substr(0, quote);
    line.remove_prefix(quote + 1);
    if (!line.starts_with('"')) break;
    field += '"';
    line.remove_prefix(1);
  }
  const std::size_t comma = line.find(',');
  line = comma == std::string_view::npos ? std::string_view() : line.substr(comma + 1);
  return field;
}

std::optional<std::int64_t> parse_integer(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

void read_label_file(const std::filesystem::path& path,
                     const std::function<void(const LabelLine&)>& take) {
  const MappedFile mapped(path);
  require_memory(path.string(), mapped.bytes().size());
  std::string_view rest = as_text(mapped.bytes());
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (rest.starts_with(kByteOrderMark)) rest.remove_prefix(kByteOrderMark.size());
  bool any = false;
  for (std::size_t number = 1; !rest.empty(); ++number) {
    const std::size_t end = rest.find('\n');
    std::string_view line = trim(rest.substr(0, end));
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    if (line.empty()) continue;
    const auto file = take_field(line);
    const auto text = file ? take_field(line) : std::nullopt;
    const auto label = text ? parse_integer(*text) : std::nullopt;
    if (!label && number == 1) continue;  // the column names
    if (!label || file->empty() || *label < 0) {
      throw Error(ErrorCode::kCorrupt,
                  fmt::format("{}:{}: a line must be \"file,class index\", the index from 0",
                              path.string(), number));
    }
    any = true;
    take({.file = *file, .label = *label});
  }
  if (!any) {
    throw Error(ErrorCode::kCorrupt, fmt::format("{} names no pictures", path.string()));
  }
}

}  // namespace qc
