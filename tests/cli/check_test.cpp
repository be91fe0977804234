// qcompress check, as CI calls it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "training_fixture.h"

namespace qc {
namespace {

using nlohmann::json;
using test::kCorrupt;
using test::kFile;
using test::kGate;
using test::kUsage;
using test::ToolsTest;
using testing::HasSubstr;
using testing::IsEmpty;

class CheckTest : public ToolsTest {
 protected:
  // Two versions of a model: one layer has other values in the second.
  CheckTest() {
    run_well({"share", "--bits", "3", "model.onnx", "-o", "before.onnx"});
    run_well({"share", "--bits", "5", "--include", "fc2.weight", "model.onnx", "-o", "some.onnx"});
    run_well({"share", "--bits", "3", "--exclude", "fc2.weight", "some.onnx", "-o", "after.onnx"});
    run_well({"pack", "before.onnx", "-o", "before.qc"});
    run_well({"pack", "after.onnx", "-o", "after.qc"});
  }

  std::uint64_t size(const std::string& name) const { return content(name).size(); }
};

TEST_F(CheckTest, SizesAreThoseOfTheFiles) {
  const std::string just = std::to_string(size("after.qc"));
  const std::string less = std::to_string(size("after.qc") - 1);
  run_well({"check", "after.qc", "--max-size", just});
  expect_refused({"check", "after.qc", "--max-size", less}, kGate,
                 {"after.qc", "over --max-size by 1"});
  // Every file is checked, and every one that is over is told.
  expect_refused({"check", "before.qc", "after.qc", "--max-size", "1KB"}, kGate,
                 {"before.qc", "after.qc"});
  // A model is what pack makes of it.
  run_well({"check", "after.onnx", "--max-size", just});
  expect_refused({"check", "after.onnx", "--max-size", less}, kGate, {"after.onnx"});
}

TEST_F(CheckTest, ChangesOfThePartsAddUp) {
  const json document = run_json({"check", "after.qc", "--baseline", "before.qc"});
  const json& file = document["files"][0];
  EXPECT_TRUE(document["passed"]);
  EXPECT_EQ(file["bytes"], size("after.qc"));
  EXPECT_EQ(file["baseline_bytes"], size("before.qc"));
  std::int64_t sum = 0;
  for (const json& part : file["changes"]) {
    sum += part["after"].get<std::int64_t>() - part["before"].get<std::int64_t>();
  }
  EXPECT_EQ(sum, static_cast<std::int64_t>(size("after.qc") - size("before.qc")));
  EXPECT_EQ(file["changes"][0]["part"], "fc2.weight");
  const json same = run_json({"check", "after.qc", "--baseline", "after.qc"});
  EXPECT_THAT(same["files"][0]["changes"], IsEmpty());
}

TEST_F(CheckTest, GrowthIsAShareOrASize) {
  const std::uint64_t grown = size("after.qc") - size("before.qc");
  const double share = 100 * static_cast<double>(grown) / static_cast<double>(size("before.qc"));
  const auto check = [&](const std::string& growth) {
    return run({"check", "after.qc", "--baseline", "before.qc", "--max-growth", growth}).exit_code;
  };
  EXPECT_EQ(check(std::to_string(grown)), 0);
  EXPECT_EQ(check(std::to_string(grown - 1)), kGate);
  EXPECT_EQ(check(std::to_string(share + 0.01) + "%"), 0);
  EXPECT_EQ(check(std::to_string(share - 0.01) + "%"), kGate);
  // What shrinks is within any limit.
  run_well({"check", "before.qc", "--baseline", "after.qc", "--max-growth", "0%"});
}

TEST_F(CheckTest, MarkdownIsATableThatNamesCannotBreak) {
  const std::string text =
      run_well({"check", "after.qc", "--baseline", "before.qc", "--markdown"}).out;
  EXPECT_THAT(text, HasSubstr("| part | before | after | change | change % |\n|:---|"));
  EXPECT_THAT(text, HasSubstr("\n| fc2.weight | "));
  run_well({"pack", "model.onnx", "-o", "a_|_b.qc"});
  EXPECT_THAT(run_well({"check", "a_|_b.qc", "--max-size", "9MB", "--markdown"}).out,
              HasSubstr("a\\_\\|\\_b.qc"));
}

TEST_F(CheckTest, RefusesWhatCannotBeMeant) {
  expect_refused({"check", "after.qc"}, kUsage, {"--max-size", "--baseline"});
  expect_refused({"check", "after.qc", "--max-size", "1MB", "--max-growth", "1%"}, kUsage,
                 {"--baseline"});
  expect_refused({"check", "after.qc", "before.qc", "--baseline", "before.qc"}, kUsage,
                 {"one file"});
  for (const char* growth : {"x%", "-1%", "nan%", "%", "1%%", "two"}) {
    expect_refused({"check", "after.qc", "--baseline", "before.qc", "--max-growth", growth}, kUsage,
                   {growth});
  }
  expect_refused({"check", "nothing.qc", "--max-size", "1MB"}, kFile, {"nothing.qc"});
  write("damaged.qc", content("after.qc").substr(0, 1000));
  expect_refused({"check", "damaged.qc", "--max-size", "1MB"}, kCorrupt, {"damaged.qc"});
}

// samples/ci/pre-commit in a repository.
TEST_F(CheckTest, TheHookLooksAtWhatIsCommitted) {
  const std::string hook = harness::source_dir() / "samples/ci/pre-commit";
  const auto commit = [&](const std::string& limits) {
    return run_shell("git add m.qc && QCOMPRESS=\"$0\" " + limits + " '" + hook +
                     "' && git -c user.name=a -c user.email=b commit -qm c")
        .exit_code;
  };
  ASSERT_EQ(run_shell("git init -q . && cp before.qc m.qc").exit_code, 0);
  EXPECT_EQ(commit("MAX_SIZE=1KB"), kGate);
  EXPECT_EQ(commit("MAX_SIZE=1MB"), 0);
  ASSERT_EQ(run_shell("cp after.qc m.qc").exit_code, 0);
  EXPECT_EQ(commit("MAX_GROWTH=1B"), kGate);
  EXPECT_EQ(commit("MAX_GROWTH=50%"), 0);
}

}  // namespace
}  // namespace qc
