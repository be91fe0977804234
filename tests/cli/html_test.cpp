// inspect --html and run --html: pages about a model, written as every other output.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "training_fixture.h"

namespace qc {
namespace {

using test::kFile;
using test::kUsage;
using test::ToolsTest;
using testing::HasSubstr;
using testing::Not;

class HtmlTest : public ToolsTest {
 protected:
  HtmlTest() {
    run_well({"share", "--bits", "4", "model.onnx", "-o", "shared.onnx"});
    run_well({"pack", "shared.onnx", "-o", "shared.qc"});
  }
};

TEST_F(HtmlTest, InspectWritesAPageOfAllTensors) {
  run_well({"inspect", "shared.qc", "--html", "page.html", "--before", "model.onnx"});
  const std::string text = content("page.html");
  EXPECT_THAT(text, HasSubstr("<h1>shared.qc</h1>"));
  EXPECT_THAT(text, HasSubstr("fc2.weight"));
  EXPECT_THAT(text, HasSubstr("the line is the model before"));
  EXPECT_THAT(text, HasSubstr("data:image/png;base64,"));
  EXPECT_THAT(text, Not(HasSubstr("<script")));
  // Without the model before there is nothing to compare with.
  run_well({"inspect", "shared.onnx", "--html", "alone.html"});
  EXPECT_THAT(content("alone.html"), Not(HasSubstr("class=\"before\"")));
}

TEST_F(HtmlTest, PagesAreTheSameForTheSameModel) {
  run_well({"inspect", "shared.qc", "--html", "one.html", "-j", "1"});
  run_well({"inspect", "shared.qc", "--html", "two.html", "-j", "2"});
  EXPECT_EQ(content("one.html"), content("two.html"));
}

TEST_F(HtmlTest, PagesReplaceNothingUnasked) {
  run_well({"inspect", "shared.qc", "--html", "page.html"});
  expect_refused({"inspect", "shared.qc", "--html", "page.html"}, kFile, {"page.html", "exists"});
  run_well({"inspect", "shared.qc", "--html", "page.html", "-f"});
  expect_refused({"inspect", "shared.qc", "--html", "shared.qc", "-f"}, kUsage, {"shared.qc"});
  expect_refused({"inspect", "shared.qc", "--before", "model.onnx"}, kUsage, {"--html"});
  expect_refused({"inspect", "shared.qc", "--html", "x.html", "--index"}, kUsage, {"--index"});
}

TEST_F(HtmlTest, RunShowsItsSteps) {
  write("recipe.toml",
        "[[step]]\ndo = \"prune\"\nrate = 0.8\n\n[[step]]\ndo = \"share\"\nbits = 4\n");
  run_well({"run", "recipe.toml", "model.onnx", "-o", "made.qc", "--html", "made.html"});
  const std::string text = content("made.html");
  EXPECT_THAT(text, HasSubstr("<td>prune</td>"));
  EXPECT_THAT(text, HasSubstr("<td>share</td>"));
  EXPECT_THAT(text, HasSubstr("by the recipe recipe.toml"));
  expect_refused({"run", "recipe.toml", "model.onnx", "-o", "again.qc", "--html", "made.html"},
                 kFile, {"made.html", "exists"});
}

}  // namespace
}  // namespace qc
