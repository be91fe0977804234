// Texts as sequences of whole numbers: their bytes, or the code points of UTF-8.
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "core/error.h"
#include "data/blob.h"
#include "data/feeds/file_labels.h"
#include "data/feeds/input_fill.h"
#include "data/feeds/input_types.h"
#include "data/feeds/sequence_input.h"
#include "data/split_folder.h"
#include "system/file.h"

namespace qc {
namespace {

namespace fs = std::filesystem;

bool takes_text(const GraphValue& input) {
  return is_number_type(input.type) && sequence_shape(input).has_value();
}

// Takes a code point off the front of a text; nothing where the bytes are not UTF-8 (RFC 3629).
std::optional<std::uint32_t> take_code_point(std::string_view& text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t first = byte(0);
  std::size_t more = 0;
  std::uint32_t least = 0;
  std::uint32_t value = first;
  if (first >= 0xf0 && first < 0xf8) {
    more = 3;
    least = 0x10000;
    value = first & 0x07U;
  } else if (first >= 0xe0 && first < 0xf0) {
    more = 2;
    least = 0x800;
    value = first & 0x0fU;
  } else if (first >= 0xc0 && first < 0xe0) {
    more = 1;
    least = 0x80;
    value = first & 0x1fU;
  } else if (first >= 0x80) {
    return std::nullopt;
  }
  if (text.size() <= more) return std::nullopt;
  for (std::size_t i = 1; i <= more; ++i) {
    if ((byte(i) & 0xc0U) != 0x80) return std::nullopt;
    value = value << 6 | (byte(i) & 0x3fU);
  }
  const bool surrogate = value >= 0xd800 && value <= 0xdfff;
  if (value < least || value > 0x10ffff || surrogate) return std::nullopt;
  text.remove_prefix(more + 1);
  return value;
}

// What all texts have in common.
struct TextForm {
  InputFill fill;
  std::size_t input;
  SequenceShape shape;
  TextConfig config;
};

HostTensor text_tensor(const TextForm& form, std::string_view text, const std::string& where) {
  const GraphValue& input = form.fill.inputs()[form.input];
  const std::optional<std::int64_t> length =
      form.config.length ? form.config.length : form.shape.length;
  // Bounds what is decoded, and what is padded.
  const std::size_t most = length ? static_cast<std::size_t>(*length) : text.size();
  tensor_bytes(where, input.type, form.shape.of_length(static_cast<std::int64_t>(most)));
  const std::size_t width = data_type_bits(input.type) / 8;
  HostTensor tensor;
  tensor.type = input.type;
  tensor.bytes.resize(most * width);
  std::size_t count = 0;
  const auto put = [&](std::int64_t value) {
    if (store_number(input.type, tensor.bytes, count++, static_cast<double>(value))) return;
    throw Error(ErrorCode::kUsage,
                fmt::format("input '{}' wants {}, which does not hold {} of {}; see offset and pad "
                            "in [text] of dataset.toml",
                            input.name, wanted_text(input), value, where));
  };
  for (std::string_view rest = text; !rest.empty() && count < most;) {
    if (form.config.encoding == TextEncoding::kBytes) {
      put(static_cast<std::uint8_t>(rest.front()) + form.config.offset);
      rest.remove_prefix(1);
    } else if (const auto point = take_code_point(rest)) {
      put(*point + form.config.offset);
    } else {
      throw Error(ErrorCode::kCorrupt,
                  fmt::format("{} is not UTF-8: byte {} is no part of a character; encoding = "
                              "\"bytes\" takes any",
                              where, text.size() - rest.size()));
    }
  }
  while (length && count < most) put(form.config.pad);
  tensor.bytes.resize(count * width);
  tensor.dims = form.shape.of_length(static_cast<std::int64_t>(count));
  return tensor;
}

// A text in each file, or in each line of one.
class TextFeeds final : public FeedSource {
 public:
  TextFeeds(TextForm form, std::vector<fs::path> files, FileLabels labels, std::string description)
      : form_(std::move(form)),
        files_(std::move(files)),
        labels_(std::move(labels)),
        description_(std::move(description)) {}

  std::size_t size() const noexcept override { return files_.size(); }
  std::int64_t classes() const noexcept override { return labels_.classes; }
  std::string description() const override { return description_; }
  std::vector<std::string> notes() const override { return form_.fill.notes(); }
  std::string name(std::size_t index) const override { return files_.at(index).string(); }

  Feed load(std::size_t index) const override {
    const std::string where = name(index);
    const MappedFile file(files_[index]);
    if (file.bytes().empty()) {
      throw Error(ErrorCode::kUsage, fmt::format("{} is empty: a sample has text", where));
    }
    Feed feed = form_.fill.start();
    feed.inputs[form_.input] = text_tensor(form_, as_text(file.bytes()), where);
    if (!labels_.labels.empty()) feed.label = labels_.labels[index];
    return feed;
  }

 private:
  TextForm form_;
  std::vector<fs::path> files_;
  FileLabels labels_;
  std::string description_;
};

class LineFeeds final : public FeedSource {
 public:
  LineFeeds(TextForm form, const fs::path& path)
      : form_(std::move(form)), path_(path), file_(path) {
    const std::string_view text = as_text(file_.bytes());
    for (std::size_t at = 0, number = 1; at < text.size(); ++number) {
      const std::size_t end = std::min(text.find('\n', at), text.size());
      std::string_view line = text.substr(at, end - at);
      if (line.ends_with('\r')) line.remove_suffix(1);
      at = end + 1;
      if (line.empty()) continue;
      require_memory(path.string(), (lines_.size() + 1) * sizeof(Line));
      lines_.push_back({.number = number, .text = line});
    }
    if (lines_.empty()) {
      throw Error(ErrorCode::kUsage, fmt::format("{} has no line with text", path.string()));
    }
  }

  std::size_t size() const noexcept override { return lines_.size(); }
  std::int64_t classes() const noexcept override { return 0; }
  std::string description() const override { return fmt::format("lines of {}", path_.string()); }
  std::vector<std::string> notes() const override { return form_.fill.notes(); }
  std::string name(std::size_t index) const override {
    return fmt::format("{}:{}", path_.string(), lines_.at(index).number);
  }

  Feed load(std::size_t index) const override {
    Feed feed = form_.fill.start();
    feed.inputs[form_.input] = text_tensor(form_, lines_.at(index).text, name(index));
    return feed;
  }

 private:
  struct Line {
    std::size_t number;
    std::string_view text;
  };

  TextForm form_;
  fs::path path_;
  MappedFile file_;
  std::vector<Line> lines_;
};

}  // namespace

std::unique_ptr<FeedSource> open_texts(const FeedRequest& request) {
  const std::vector<fs::path> files = split_files(request.files, is_text_name);
  if (files.empty()) return nullptr;
  const std::size_t index =
      choose_input(request, "texts, which are sequences of numbers", takes_text);
  const GraphValue& input = request.graph.inputs[index];
  TextForm form{.fill = InputFill(request.graph, request.config(), {index}),
                .input = index,
                .shape = *sequence_shape(input),
                .config = request.config().text};
  if (form.config.length && form.shape.length && *form.config.length != *form.shape.length) {
    throw Error(ErrorCode::kUsage,
                fmt::format("input '{}' wants {}, [text] of dataset.toml has length = {}",
                            input.name, wanted_text(input), *form.config.length));
  }
  if (fs::is_regular_file(request.files.only)) {
    return std::make_unique<LineFeeds>(std::move(form), files.front());
  }
  return std::make_unique<TextFeeds>(std::move(form), files, read_file_labels(request.files, files),
                                     fmt::format("texts in {}", request.where().string()));
}

}  // namespace qc
