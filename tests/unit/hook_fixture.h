// What tests of a user's commands have in common.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>

#include "harness.h"
#include "pipeline/hooks.h"
#include "system/process.h"

namespace qc::test {

/// Every test has temporary folders of its own, which must be empty in the end.
class HookFixture : public testing::Test {
 protected:
  HookFixture() {
    std::filesystem::create_directory(folder_ / "tmp $(x)");
    if (const char* before = std::getenv("TMPDIR")) tmpdir_before_ = before;
    ::setenv("TMPDIR", (folder_ / "tmp $(x)").c_str(), 1);
    options_.show_output = false;
  }
  ~HookFixture() override {
    EXPECT_TRUE(std::filesystem::is_empty(folder_ / "tmp $(x)"));
    if (tmpdir_before_) {
      ::setenv("TMPDIR", tmpdir_before_->c_str(), 1);
    } else {
      ::unsetenv("TMPDIR");
    }
  }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  std::string quoted(const std::string& name) const { return shell_quote(path(name)); }

  harness::TempDir folder_;
  HookOptions options_;

 private:
  std::optional<std::string> tmpdir_before_;
};

}  // namespace qc::test
