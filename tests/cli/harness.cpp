#include "harness.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <utility>

#include "system/environment.h"
#include "system/pipe.h"

namespace qc::harness {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

[[noreturn]] void fail(const std::string& action, int error) {
  throw std::runtime_error("cannot " + action + ": " + std::strerror(error));
}

/// Everything the child needs, made before the fork: after it only async-signal-safe calls are
/// allowed.
struct Launch {
  Launch(const std::vector<std::string>& args, const RunOptions& options)
      : cwd(options.cwd.string()),
        argument_texts(args),
        environment_texts(environment_with(options.env)),
        file_size_limit(options.file_size_limit),
        obey_permissions(options.obey_permissions && ::geteuid() == 0) {
    argument_texts.insert(argument_texts.begin(), options.program.string());
    arguments = exec_pointers(argument_texts);
    variables = exec_pointers(environment_texts);
  }

  std::string cwd;
  std::vector<std::string> argument_texts;
  std::vector<std::string> environment_texts;
  std::vector<char*> arguments;
  std::vector<char*> variables;
  std::optional<std::uint64_t> file_size_limit;
  bool obey_permissions;
};

/// Turns into the program. Returns only on failure, with errno.
int become(const Launch& launch, int in, int out, int err) noexcept {
  if (::dup2(in, STDIN_FILENO) < 0 || ::dup2(out, STDOUT_FILENO) < 0 ||
      ::dup2(err, STDERR_FILENO) < 0 || ::chdir(launch.cwd.c_str()) != 0) {
    return errno;
  }
  ::setpgid(0, 0);
  std::signal(SIGPIPE, SIG_DFL);
  if (launch.file_size_limit) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{*launch.file_size_limit, *launch.file_size_limit};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return errno;
  }
  // exec gives root every capability of the bounding set again, so they are dropped there.
  if (launch.obey_permissions && (::prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0) != 0 ||
                                  ::prctl(PR_CAPBSET_DROP, CAP_DAC_READ_SEARCH, 0, 0, 0) != 0)) {
    return errno;
  }
  ::execvpe(launch.arguments.front(), launch.arguments.data(), launch.variables.data());
  return errno;
}

/// The exec's errno, sent through a pipe that a successful exec closes.
void require_started(int status_pipe, pid_t child, const fs::path& program) {
  int error = 0;
  ssize_t got = 0;
  do {
    got = ::read(status_pipe, &error, sizeof error);
  } while (got < 0 && errno == EINTR);
  if (got == 0) return;
  ::waitpid(child, nullptr, 0);
  fail("run " + program.string(), error);
}

/// Appends what is there to read; closes the descriptor at its end.
void drain(Descriptor& from, std::string& to) {
  std::array<char, 65536> buffer{};
  const ssize_t got = ::read(from.get(), buffer.data(), buffer.size());
  if (got > 0) {
    to.append(buffer.data(), static_cast<std::size_t>(got));
  } else if (got == 0 || errno != EINTR) {
    from.reset();
  }
}

/// Writes what fits; closes the descriptor when all is written or nobody reads.
void feed(Descriptor& to, std::string_view& rest) {
  const ssize_t put = ::write(to.get(), rest.data(), rest.size());
  if (put >= 0) {
    rest.remove_prefix(static_cast<std::size_t>(put));
  } else if (errno != EINTR && errno != EAGAIN) {
    rest = {};
  }
  if (rest.empty()) to.reset();
}

class Child {
 public:
  Child(pid_t pid, const RunOptions& options)
      : pid_(pid),
        start_(Clock::now()),
        kill_planned_(options.kill_after.has_value()),
        deadline_(start_ + (options.kill_after ? *options.kill_after
                                               : std::chrono::microseconds(options.timeout))) {}

  /// Waits until a descriptor is ready or the deadline passes, at which the child is killed.
  void wait_for(std::array<pollfd, 3>& events) {
    timespec left{};
    if (!killed_) {
      const auto rest = std::max(deadline_ - Clock::now(), Clock::duration::zero());
      const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(rest);
      left.tv_sec = static_cast<time_t>(seconds.count());
      left.tv_nsec = static_cast<long>(std::chrono::nanoseconds(rest - seconds).count());
    }
    const int ready = ::ppoll(events.data(), events.size(), killed_ ? nullptr : &left, nullptr);
    if (ready < 0 && errno != EINTR) fail("poll", errno);
    kill_when_due();
  }

  /// Waits for the end and fills in how it came.
  void finish(RunResult& result) {
    int status = 0;
    rusage usage{};
    while (true) {
      const pid_t ended = ::wait4(pid_, &status, killed_ ? 0 : WNOHANG, &usage);
      if (ended == pid_) break;
      if (ended < 0 && errno != EINTR) fail("wait for the program", errno);
      kill_when_due();
      if (!killed_) ::poll(nullptr, 0, 1);
    }
    result.wall = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start_);
    result.peak_memory = static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
    result.timed_out = killed_ && !kill_planned_;
    if (WIFEXITED(status)) {
      result.exit_code = WEXITSTATUS(status);
    } else {
      result.signal = WTERMSIG(status);
    }
  }

 private:
  void kill_when_due() {
    if (killed_ || Clock::now() < deadline_) return;
    // What hangs may have started others.
    ::kill(kill_planned_ ? pid_ : -pid_, SIGKILL);
    killed_ = true;
  }

  pid_t pid_;
  Clock::time_point start_;
  bool kill_planned_;
  Clock::time_point deadline_;
  bool killed_ = false;
};

}  // namespace

RunResult run(const std::vector<std::string>& args, const RunOptions& options) {
  std::signal(SIGPIPE, SIG_IGN);  // a program may end without reading its input
  const Launch launch(args, options);
  Pipe in;
  Pipe out;
  Pipe err;
  Pipe status;
  const pid_t pid = ::fork();
  if (pid < 0) fail("fork", errno);
  if (pid == 0) {
    const int error = become(launch, in.read.get(), out.write.get(), err.write.get());
    const ssize_t told = ::write(status.write.get(), &error, sizeof error);
    ::_exit(told > 0 ? 126 : 127);
  }
  in.read.reset();
  out.write.reset();
  err.write.reset();
  status.write.reset();
  require_started(status.read.get(), pid, options.program);

  Child child(pid, options);
  RunResult result;
  std::string_view input = options.stdin_text;
  if (input.empty()) {
    in.write.reset();
  } else {
    ::fcntl(in.write.get(), F_SETFL, O_NONBLOCK);
  }
  while (out.read || err.read) {
    std::array<pollfd, 3> events{
        {{out.read.get(), POLLIN, 0}, {err.read.get(), POLLIN, 0}, {in.write.get(), POLLOUT, 0}}};
    child.wait_for(events);
    if (events[0].revents != 0) drain(out.read, result.out);
    if (events[1].revents != 0) drain(err.read, result.err);
    if (events[2].revents != 0) feed(in.write, input);
  }
  child.finish(result);
  return result;
}

TempDir::TempDir() {
  std::string pattern = (fs::temp_directory_path() / "qcompress_test.XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) fail("make a temporary folder", errno);
  path_ = pattern;
}

TempDir::~TempDir() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

std::optional<fs::path> shared_dir() {
  const char* given = std::getenv("QC_SHARED");
  const fs::path folder = given != nullptr ? fs::path(given) : harness::source_dir() / "../shared";
  std::error_code error;
  if (!fs::is_directory(folder, error)) return std::nullopt;
  return fs::canonical(folder);
}

fs::path sample_model() { return harness::source_dir() / "samples/models/sample.onnx"; }

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!file) throw std::runtime_error("cannot read " + path.string());
  return bytes;
}

void write_file(const fs::path& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  if (!file) throw std::runtime_error("cannot write " + path.string());
}

std::vector<std::string> list_files(const fs::path& folder) {
  std::vector<std::string> names;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_directory()) names.push_back(fs::relative(entry.path(), folder).string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> list_models(const fs::path& folder) {
  std::vector<std::string> names = list_files(folder);
  std::erase_if(names, [](const std::string& name) { return !name.ends_with(".onnx"); });
  return names;
}

std::map<std::string, std::string> snapshot(const fs::path& folder) {
  std::map<std::string, std::string> files;
  for (const std::string& name : list_files(folder)) files[name] = read_file(folder / name);
  return files;
}

}  // namespace qc::harness
