#include "cli/monitor.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cmath>
#include <csignal>
#include <string_view>

#include "system/printable.h"
#include "system/standard_streams.h"

namespace qc {
namespace {

volatile std::sig_atomic_t interrupted = 0;

constexpr std::array kSignals = {SIGINT, SIGTERM, SIGHUP};

extern "C" void on_interrupt(int signal);

void to_default() {
  for (const int number : kSignals) {
    struct sigaction action {};
    ::sigaction(number, nullptr, &action);
    if (action.sa_handler == on_interrupt) std::signal(number, SIG_DFL);
  }
}

extern "C" void on_interrupt(int signal) {
  interrupted = signal;
  to_default();
  constexpr std::string_view kText = "\nending after what is under way; again: at once\n";
  if (::isatty(STDERR_FILENO) == 1) {
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, kText.data(), kText.size());
  }
}

std::string time_text(double seconds) {
  const long whole = std::lround(seconds);
  if (whole >= 3600)
    return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
  return fmt::format("{}:{:02}", whole / 60, whole % 60);
}

// Outputs that are no scores have no best one.
std::string training_text(double loss, double top1) {
  const std::string text = fmt::format("loss {:.4f}", loss);
  return std::isnan(top1) ? text : text + fmt::format("  top1 {:.2f}%", 100 * top1);
}

}  // namespace

ConsoleMonitor::ConsoleMonitor(bool enabled, bool epochs) : line_(enabled), epochs_(epochs) {}

ConsoleMonitor::~ConsoleMonitor() { release_signals(); }

int ConsoleMonitor::signal() const { return interrupted; }

bool ConsoleMonitor::stop_requested() const { return interrupted != 0; }

void ConsoleMonitor::catch_signals() {
  if (catches_) return;
  catches_ = true;
  interrupted = 0;
  // nohup has SIGHUP ignored.
  for (const int number : kSignals) {
    if (std::signal(number, on_interrupt) == SIG_IGN && number == SIGHUP) {
      std::signal(number, SIG_IGN);
    }
  }
}

void ConsoleMonitor::release_signals() const {
  if (catches_) to_default();
}

void ConsoleMonitor::on_evaluation(std::uint64_t samples, std::uint64_t total) {
  line_.show([&] { return fmt::format("evaluating  {}%", 100 * samples / total); });
}

void ConsoleMonitor::on_batch(const TuneRequest& request, const BatchReport& report,
                              std::uint64_t total) {
  const auto now = std::chrono::steady_clock::now();
  std::string current = fmt::format("{} {}", request.label, report.epoch);
  if (current != current_) {
    current_ = std::move(current);
    start_ = now;
    return;
  }
  line_.show([&] {
    const double seconds = std::chrono::duration<double>(now - start_).count();
    const double rate = static_cast<double>(report.samples) / seconds;
    const double left =
        static_cast<double>(total - report.samples) +
        static_cast<double>(request.options.epochs - report.epoch) * static_cast<double>(total);
    return fmt::format("{}  epoch {}/{}  {}%  {}  {:.0f} samples/s  {} left", request.label,
                       report.epoch, request.options.epochs, 100 * report.samples / total,
                       training_text(report.loss, report.top1), rate, time_text(left / rate));
  });
}

void ConsoleMonitor::on_epoch(const TuneRequest& request, const EpochReport& report) {
  if (!epochs_) return;
  line_.clear();
  std::string text = fmt::format("{}  epoch {}/{}  lr {:.3g}  {}", request.label, report.epoch,
                                 request.options.epochs, report.learning_rate,
                                 training_text(report.train_loss, report.train_top1));
  if (report.validation) {
    text += fmt::format("  held out: {}{}",
                        training_text(report.validation->loss, report.validation->top1),
                        report.best ? " *" : "");
  }
  print_error(fmt::format("{}  {:.1f} s\n", printable(text), report.seconds));
}

}  // namespace qc
