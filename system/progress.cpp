#include "system/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "system/printable.h"
#include "system/standard_streams.h"

namespace qc {

StatusLine::StatusLine(bool enabled) : enabled_(enabled && ::isatty(STDERR_FILENO) == 1) {}

void StatusLine::show(const std::function<std::string()>& text) {
  if (!enabled_) return;
  const auto now = std::chrono::steady_clock::now();
  if (now - last_ < std::chrono::milliseconds(100)) return;
  last_ = now;
  shown_ = true;
  print_error(fmt::format("\r{}\x1b[K", printable(text())));
}

void StatusLine::clear() {
  if (!shown_) return;
  shown_ = false;
  print_error("\r\x1b[K");
}

Progress::Progress(std::string label, std::uint64_t total, bool enabled)
    : label_(std::move(label)), total_(std::max<std::uint64_t>(total, 1)), line_(enabled) {}

void Progress::advance(std::uint64_t amount) {
  done_ += amount;
  line_.show([&] { return fmt::format("{}  {}%", label_, 100 * done_ / total_); });
}

}  // namespace qc
