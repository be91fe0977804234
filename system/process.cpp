#include "system/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>
#include <vector>

#include "core/error.h"
#include "system/descriptor.h"
#include "system/environment.h"
#include "system/pipe.h"
#include "system/standard_streams.h"

namespace qc {
namespace {

using Clock = std::chrono::steady_clock;

// How long the end of the command, a stop or the time-out may go unnoticed.
constexpr int kSliceMilliseconds = 20;
// Between asking a command to end and killing it, where a signal is to end this process.
constexpr std::chrono::milliseconds kSignalGrace{2000};
// How long killed processes may take to be gone, with the files that they write.
constexpr std::chrono::milliseconds kKillTime{200};
// More than a pipe holds: what the command itself wrote before its end.
constexpr std::size_t kMaxLeftover = std::size_t{1} << 20;

[[noreturn]] void fail(const char* action, int error) {
  throw Error(ErrorCode::kFile, fmt::format("cannot {}: {}", action, std::strerror(error)));
}

// The command's end of a pipe blocks as usual; only this side never waits.
void never_wait(const Descriptor& end) {
  if (::fcntl(end.get(), F_SETFL, O_NONBLOCK) != 0) fail("make a pipe", errno);
}

// How many ends are deferred now, and by what signal the process is to end.
int deferred_ends = 0;
std::atomic<int> noted_signal = 0;
std::atomic<int> noted_count = 0;
static_assert(std::atomic<int>::is_always_lock_free, "a signal handler writes it");

extern "C" void note_signal(int number) {
  noted_signal = number;
  ++noted_count;
}

constexpr std::array kEndingSignals = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

using Handler = void (*)(int);

void replace_handler(int number, Handler from, Handler to) {
  struct sigaction action {};
  ::sigaction(number, nullptr, &action);
  if (action.sa_handler != from) return;
  action = {};
  action.sa_handler = to;
  ::sigaction(number, &action, nullptr);
}

// Where children's ends are ignored, their exit status is lost.
class ChildrenCount {
 public:
  ChildrenCount() {
    struct sigaction action {};
    action.sa_handler = SIG_DFL;
    ::sigaction(SIGCHLD, &action, &before_);
  }
  ~ChildrenCount() { ::sigaction(SIGCHLD, &before_, nullptr); }
  ChildrenCount(const ChildrenCount&) = delete;
  ChildrenCount& operator=(const ChildrenCount&) = delete;

 private:
  struct sigaction before_ {};
};

class SpawnAttributes {
 public:
  SpawnAttributes() {
    ::posix_spawnattr_init(&value_);
    ::posix_spawnattr_setpgroup(&value_, 0);
    sigset_t signals;
    ::sigemptyset(&signals);
    ::posix_spawnattr_setsigmask(&value_, &signals);
    ::sigaddset(&signals, SIGPIPE);
    ::sigaddset(&signals, SIGINT);
    ::sigaddset(&signals, SIGQUIT);
    ::sigaddset(&signals, SIGTERM);
    ::posix_spawnattr_setsigdefault(&value_, &signals);
    ::posix_spawnattr_setflags(
        &value_, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  ~SpawnAttributes() { ::posix_spawnattr_destroy(&value_); }
  SpawnAttributes(const SpawnAttributes&) = delete;
  SpawnAttributes& operator=(const SpawnAttributes&) = delete;
  const posix_spawnattr_t* get() const noexcept { return &value_; }

 private:
  posix_spawnattr_t value_{};
};

class SpawnActions {
 public:
  SpawnActions(int out, int err) {
    ::posix_spawn_file_actions_init(&value_);
    ::posix_spawn_file_actions_addopen(&value_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_adddup2(&value_, out, STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&value_, err, STDERR_FILENO);
  }
  ~SpawnActions() { ::posix_spawn_file_actions_destroy(&value_); }
  SpawnActions(const SpawnActions&) = delete;
  SpawnActions& operator=(const SpawnActions&) = delete;
  const posix_spawn_file_actions_t* get() const noexcept { return &value_; }

 private:
  posix_spawn_file_actions_t value_{};
};

pid_t spawn(const ProcessOptions& options, int out, int err) {
  std::vector<std::string> arguments = {"/bin/sh", "-c", options.command};
  std::vector<std::string> variables = environment_with(options.environment);
  const SpawnAttributes attributes;
  const SpawnActions actions(out, err);
  pid_t child = 0;
  const int error = ::posix_spawn(&child, "/bin/sh", actions.get(), attributes.get(),
                                  exec_pointers(arguments).data(), exec_pointers(variables).data());
  if (error != 0) fail("run /bin/sh", error);
  return child;
}

// Cuts text into lines of bounded length.
class Lines {
 public:
  explicit Lines(const std::function<void(std::string_view)>& on_line) : on_line_(on_line) {}

  void add(std::string_view text) {
    if (!on_line_) return;
    while (true) {
      const std::size_t end = text.find('\n');
      const std::string_view part = text.substr(0, end);
      line_.append(part.substr(0, kMaxLine - line_.size()));
      if (end == std::string_view::npos) return;
      on_line_(line_);
      line_.clear();
      text.remove_prefix(end + 1);
    }
  }

  void finish() {
    if (on_line_ && !line_.empty()) on_line_(line_);
  }

 private:
  const std::function<void(std::string_view)>& on_line_;
  std::string line_;
};

// The end of a text.
class Tail {
 public:
  void add(std::string_view text) {
    text_.append(text.substr(text.size() - std::min(text.size(), kTailBytes)));
    if (text_.size() > kTailBytes) text_.erase(0, text_.size() - kTailBytes);
  }

  std::string last_lines() const {
    const std::size_t last = text_.find_last_not_of(" \t\r\n");
    if (last == std::string::npos) return "";
    std::size_t begin = last + 1;
    for (std::size_t lines = 0; begin > 0; --begin) {
      if (text_[begin - 1] == '\n' && ++lines == kTailLines) break;
    }
    return text_.substr(begin, last + 1 - begin);
  }

 private:
  std::string text_;
};

class Run {
 public:
  explicit Run(const ProcessOptions& options) : options_(options), lines_(options.on_line) {
    Pipe out;
    Pipe err;
    never_wait(out.read);
    never_wait(err.read);
    group_ = spawn(options, out.write.get(), err.write.get());
    out_ = std::move(out.read);
    err_ = std::move(err.read);
  }

  // Reached with the command still there only when a callback has thrown.
  ~Run() {
    if (!reaped_) kill_all();
  }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  ProcessResult to_end() {
    while (true) {
      DeferredEnd::take_over();
      if (DeferredEnd::noted() > seen_signals_) end_for_signal();
      if (is_over()) break;
      wait_for_output();
      if (ending_) {
        if (Clock::now() < kill_at_) continue;
        kill_all();
        break;
      }
      if (options_.stop_requested && options_.stop_requested()) {
        result_.stopped = true;
        end(SIGINT, options_.grace);
      } else if (options_.timeout.count() > 0 && Clock::now() - start_ >= options_.timeout) {
        result_.timed_out = true;
        end(SIGTERM, options_.grace);
      }
    }
    reap();
    read_leftover(out_, true);
    read_leftover(err_, false);
    lines_.finish();
    result_.last_lines = tail_.last_lines();
    return std::move(result_);
  }

 private:
  // Once it has been asked to end, what the command started must have ended too: a shell may be
  // gone at once while its commands still save what they have.
  bool is_over() {
    if (!has_ended()) return false;
    if (!ending_) return true;
    reap();
    return ::kill(-group_, 0) != 0;
  }

  bool has_ended() const {
    if (reaped_) return true;
    siginfo_t info{};
    const int got = ::waitid(P_PID, static_cast<id_t>(group_), &info, WEXITED | WNOHANG | WNOWAIT);
    if (got != 0 && errno != EINTR) fail("wait for the command", errno);
    return got == 0 && info.si_pid == group_;
  }

  void end(int signal, std::chrono::milliseconds grace) {
    ::kill(-group_, signal);
    ending_ = true;
    kill_at_ = Clock::now() + grace;
  }

  // Somebody wants this process to end: soon, and at once where it is told again.
  void end_for_signal() {
    const bool again = seen_signals_ > 0;
    seen_signals_ = DeferredEnd::noted();
    end(again ? SIGKILL : SIGTERM, std::min(options_.grace, kSignalGrace));
  }

  void kill_all() {
    ::kill(-group_, SIGKILL);
    reap();
    const Clock::time_point give_up = Clock::now() + kKillTime;
    while (::kill(-group_, 0) == 0 && Clock::now() < give_up) ::poll(nullptr, 0, 1);
  }

  void wait_for_output() {
    std::array<pollfd, 2> events{{{out_.get(), POLLIN, 0}, {err_.get(), POLLIN, 0}}};
    const int ready = ::poll(events.data(), events.size(), kSliceMilliseconds);
    if (ready < 0 && errno != EINTR) fail("wait for the command", errno);
    if (ready <= 0) return;
    if (events[0].revents != 0) read(out_, true);
    if (events[1].revents != 0) read(err_, false);
  }

  // Takes some of what is there and returns how much it was. Closes the descriptor at its end.
  std::size_t read(Descriptor& from, bool is_stdout) {
    std::array<char, 16384> buffer;
    const ssize_t got = ::read(from.get(), buffer.data(), buffer.size());
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) return 0;
    if (got <= 0) {
      from.reset();
      return 0;
    }
    const std::string_view text(buffer.data(), static_cast<std::size_t>(got));
    if (options_.show_output) print_error(text);
    tail_.add(text);
    if (is_stdout) lines_.add(text);
    return text.size();
  }

  void read_leftover(Descriptor& from, bool is_stdout) {
    std::size_t done = 0;
    while (from && done < kMaxLeftover) {
      const std::size_t got = read(from, is_stdout);
      if (got == 0) return;
      done += got;
    }
  }

  void reap() {
    if (reaped_) return;
    int status = 0;
    while (::waitpid(group_, &status, 0) < 0 && errno == EINTR) {
    }
    reaped_ = true;
    if (WIFEXITED(status)) {
      result_.exit_status = WEXITSTATUS(status);
    } else {
      result_.signal = WTERMSIG(status);
    }
  }

  const ProcessOptions& options_;
  Clock::time_point start_ = Clock::now();
  Clock::time_point kill_at_;
  pid_t group_ = 0;
  Descriptor out_;
  Descriptor err_;
  Lines lines_;
  Tail tail_;
  ProcessResult result_;
  int seen_signals_ = 0;
  bool ending_ = false;
  bool reaped_ = false;
};

}  // namespace

DeferredEnd::DeferredEnd() {
  if (deferred_ends++ > 0) return;
  noted_count = 0;
  take_over();
}

DeferredEnd::~DeferredEnd() {
  if (--deferred_ends > 0) return;
  for (const int number : kEndingSignals) replace_handler(number, note_signal, SIG_DFL);
  if (noted_count == 0) return;
  std::signal(noted_signal, SIG_DFL);
  std::raise(noted_signal);
}

void DeferredEnd::take_over() {
  for (const int number : kEndingSignals) replace_handler(number, SIG_DFL, note_signal);
}

int DeferredEnd::noted() noexcept { return noted_count; }

ProcessResult run_process(const ProcessOptions& options) {
  const DeferredEnd deferred;
  const ChildrenCount children;
  return Run(options).to_end();
}

std::string shell_quote(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'') {
      quoted += "'\\''";
    } else {
      quoted += c;
    }
  }
  return quoted + "'";
}

}  // namespace qc
