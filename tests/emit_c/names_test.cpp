// Names that are no identifiers, and texts that would end comments.
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "compiled_model.h"
#include "core/error.h"
#include "emit/c/identifiers.h"
#include "emit/c/writer.h"
#include "formats/onnx/load_tensors.h"
#include "small_model.h"

namespace qc::c {
namespace {

TEST(Names, AreIdentifiers) {
  EXPECT_TRUE(is_identifier("net"));
  EXPECT_TRUE(is_identifier("Le_net5"));
  for (const char* text :
       {"", "5net", "a-b", "a b", "int", "class", "_net", "qk_add", "main", "\xc3\xa4"}) {
    EXPECT_FALSE(is_identifier(text)) << text;
  }
}

TEST(Names, AreUnique) {
  std::set<std::string> taken;
  EXPECT_EQ(unique_identifier("Conv/1:0", taken), "conv_1_0");
  EXPECT_EQ(unique_identifier("conv.1.0", taken), "conv_1_0_2");
  EXPECT_EQ(unique_identifier("int", taken), "int_value");
  EXPECT_EQ(unique_identifier("", taken), "value");
  EXPECT_EQ(unique_identifier("\xff\n*/", taken), "value_2");
  EXPECT_EQ(unique_identifier("12", taken), "v12");
  for (const std::string& name : taken) EXPECT_TRUE(is_identifier(name)) << name;
}

TEST(Names, DoNotEndComments) {
  for (const char* text : {"*/ int x; /*", "a\\\nb", "*", "/", "?\?/", "\x1b[2J", "a*/", "/*"}) {
    const std::string comment = "/*" + comment_text(text) + "*/";
    EXPECT_EQ(comment.find("*/"), comment.size() - 2) << comment;
    EXPECT_EQ(comment.find("/*", 1), std::string::npos) << comment;
    EXPECT_EQ(comment.find_first_of("\\?\n\x1b"), std::string::npos) << comment;
  }
}

TEST(Names, OfAnyKindGiveProgramsThatBuild) {
  if (const std::string missing = test::missing_compiler(); !missing.empty())
    GTEST_SKIP() << missing;
  for (const char* name : {"*/ evil /*", "int", "memory", "arena", "size_t", "net", "x\\\n?\?/",
                           "net_run", "qk_relu", "value_0", "NULL", "\xff\xfe"}) {
    test::SmallModel model;
    const std::string in = name;
    model.input(in, {2, 3}).node("Relu", {in}, {in + "*/"}).node("Neg", {in + "*/"}, {in + " "});
    model.node("Add", {in + " ", in}, {in + "."}).output(in + ".");
    model.graph().mutable_node(0)->set_name(in);
    const test::CompiledModel compiled(model.open());
    const auto outputs = compiled.run({test::tensor_of({2, 3}, {1, -2, 3, -4, 5, -6})});
    EXPECT_EQ(test::values_of(outputs.at(0)), (std::vector<float>{0, -2, 0, -4, 0, -6})) << name;
  }
}

TEST(Names, OfProgramsAreChecked) {
  test::SmallModel model;
  model.input("x", {1}).node("Relu", {"x"}, {"y"}).output("y");
  const Plan plan = make_plan(load_model(model.open()), {});
  EXPECT_THROW(write_program(plan, {"my net", "m.onnx", "1"}), Error);
  EXPECT_EQ(write_program(plan, {"other", "m.onnx", "1"}).at(0).name, "other.h");
}

}  // namespace
}  // namespace qc::c
