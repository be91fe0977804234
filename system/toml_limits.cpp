#include "system/toml_limits.h"

#include <fmt/format.h>

#include "core/error.h"

namespace qc {
namespace {

// Goes over a document as a TOML parser does, which stops at the first error: up to there this sees
// the same strings and comments.
class NestingScanner {
 public:
  NestingScanner(std::string_view text, const std::string& path) : rest_(text), path_(path) {}

  void run() {
    while (!rest_.empty()) {
      const char c = rest_.front();
      switch (c) {
        case '#':
          skip_to_end_of_line();
          break;
        case '"':
        case '\'':
          skip_string(c);
          break;
        case '.':
          take();
          count(++dots_);
          break;
        case '[':
        case '{':
          take();
          dots_ = 0;
          count(++brackets_);
          break;
        case ']':
        case '}':
          take();
          dots_ = 0;
          if (brackets_ > 0) --brackets_;
          break;
        case '=':
        case ',':
        case '\n':
          take();
          dots_ = 0;
          break;
        default:
          take();
      }
    }
  }

 private:
  void take(std::size_t size = 1) {
    if (rest_.front() == '\n') ++line_;
    rest_.remove_prefix(size);
  }

  void skip_to_end_of_line() {
    while (!rest_.empty() && rest_.front() != '\n') take();
  }

  void skip_string(char quote) {
    const std::string three(3, quote);
    const bool long_one = rest_.starts_with(three);
    take(long_one ? 3 : 1);
    while (!rest_.empty()) {
      if (quote == '"' && rest_.front() == '\\' && rest_.size() > 1) {
        take();
        take();
      } else if (long_one && rest_.starts_with(three)) {
        take(3);
        // Up to two quotes may stand before the closing ones.
        for (int i = 0; i < 2 && rest_.starts_with(quote); ++i) take();
        return;
      } else if (!long_one && (rest_.front() == quote || rest_.front() == '\n')) {
        if (rest_.front() == quote) take();
        return;
      } else {
        take();
      }
    }
  }

  void count(std::size_t depth) const {
    if (depth <= kMaxTomlNesting) return;
    throw Error(ErrorCode::kUsage,
                fmt::format("{}:{}: keys and values may be nested {} deep; this is deeper", path_,
                            line_, kMaxTomlNesting));
  }

  std::string_view rest_;
  const std::string& path_;
  std::size_t line_ = 1;
  std::size_t dots_ = 0;
  std::size_t brackets_ = 0;
};

}  // namespace

void require_toml_within_limits(std::string_view text, const std::string& path) {
  if (text.size() > kMaxTomlBytes) {
    throw Error(ErrorCode::kLimit,
                fmt::format("{} has more than {} bytes: that is no recipe and no "
                            "description of data",
                            path, kMaxTomlBytes));
  }
  NestingScanner(text, path).run();
}

}  // namespace qc
