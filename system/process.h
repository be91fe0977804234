// Runs a shell command and follows its output.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace qc {

/// While one of these lives, a signal that would end this process is noted, so that what it has
/// begun can be taken back first; when the last of them goes, the process ends by that signal. What
/// the program handles itself or ignores stays so. For one thread.
class DeferredEnd {
 public:
  DeferredEnd();
  ~DeferredEnd();
  DeferredEnd(const DeferredEnd&) = delete;
  DeferredEnd& operator=(const DeferredEnd&) = delete;

  /// Notes signals whose handlers have gone back to the default, as some do when they are called.
  static void take_over();
  /// How many signals have been noted.
  static int noted() noexcept;
};

struct ProcessOptions {
  std::string command;                                  ///< for /bin/sh
  std::map<std::string, std::string> environment = {};  ///< added to this process's
  std::chrono::milliseconds timeout{0};                 ///< 0: none
  std::chrono::milliseconds grace{5000};                ///< between asking to end and killing
  bool show_output = false;  ///< both outputs are copied to standard error as they come
  /// Told every line of standard output without its end; what is beyond kMaxLine is left out.
  std::function<void(std::string_view)> on_line = {};
  /// Asked several times a second; true ends the command as an interrupt from the keyboard would.
  std::function<bool()> stop_requested = {};
};

struct ProcessResult {
  int exit_status = -1;  ///< -1 when a signal ended it
  int signal = 0;        ///< 0 when it exited by itself
  bool timed_out = false;
  bool stopped = false;    ///< by stop_requested
  std::string last_lines;  ///< of both outputs, at most kTailLines and kTailBytes

  bool succeeded() const noexcept { return exit_status == 0 && !timed_out && !stopped; }
};

inline constexpr std::size_t kMaxLine = 65536;
inline constexpr std::size_t kTailLines = 20;
inline constexpr std::size_t kTailBytes = 4096;

/// Runs a command to its end, with nothing to read, in a process group of its own. On time-out or
/// stop the whole group is asked to end and then killed, and so it is, sooner, when a signal that
/// nothing handles is to end this process; that happens as DeferredEnd says. Processes that the
/// command leaves behind are not waited for. One command runs at a time. Throws Error(kFile) when
/// there is no shell to run.
ProcessResult run_process(const ProcessOptions& options);

/// A word that the shell reads as `text`, whatever is in it.
std::string shell_quote(std::string_view text);

}  // namespace qc
