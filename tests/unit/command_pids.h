// Processes that a user's command starts, seen from outside.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>

namespace qc::test {

/// The number that a command writes to a file, followed by a word; waits until it is there.
inline pid_t pid_in(const std::filesystem::path& file) {
  while (true) {
    std::ifstream in(file);
    pid_t pid = 0;
    std::string end;
    if (in >> pid >> end) return pid;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

/// True for a process that is gone, or dead and not yet collected by init.
inline bool is_dead(pid_t pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  const std::string text((std::istreambuf_iterator<char>(stat)), {});
  const std::size_t name_end = text.rfind(')');
  return name_end == std::string::npos || text[name_end + 2] == 'Z';
}

}  // namespace qc::test
