// Documents that would take a parser beyond its stack, and those that only look like it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "core/error.h"
#include "system/toml_limits.h"

namespace qc {
namespace {

std::string repeated(std::string_view text, std::size_t count) {
  std::string result;
  for (std::size_t i = 0; i < count; ++i) result += text;
  return result;
}

void expect_refused(const std::string& text, const std::string& where) {
  SCOPED_TRACE(text.substr(0, 40));
  try {
    require_toml_within_limits(text, "a.toml");
    ADD_FAILURE() << "not refused";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    EXPECT_THAT(error.what(), testing::StartsWith(where + ": "));
    EXPECT_THAT(error.what(), testing::HasSubstr("nested"));
  }
}

TEST(TomlNesting, DeepKeysAndValuesAreRefused) {
  for (const std::size_t depth : {kMaxTomlNesting + 1, std::size_t{50000}}) {
    expect_refused(repeated("a.", depth) + "a = 1", "a.toml:1");
    expect_refused("[" + repeated("a.", depth) + "a]", "a.toml:1");
    expect_refused("\n[[" + repeated("'a' . ", depth) + "a]]", "a.toml:2");
    expect_refused("a = 1 # b\nb = " + repeated("[", depth), "a.toml:2");
    expect_refused("a = '''\n\n'''\nb = " + repeated("{a=", depth), "a.toml:4");
    expect_refused("b = " + repeated("[{a=", depth), "a.toml:1");
    expect_refused("b = [\n" + repeated("[\n", depth),
                   "a.toml:" + std::to_string(kMaxTomlNesting + 1));
  }
}

TEST(TomlNesting, NothingInStringsCounts) {
  const std::string deep = repeated("[{a.", 100);
  for (const std::string& text :
       {"# " + deep, "a = '" + deep + "'", "a = \"\\\"" + deep + "\"", "\"" + deep + "\" = 1",
        "a = '''\n''" + deep + "\n'''", "a = \"\"\"\n\"\\\"\"\"" + deep + "\n\"\"\"\"\"",
        "a = \"\"\"x\"\"\"\"\" # " + deep}) {
    EXPECT_NO_THROW(require_toml_within_limits(text, "a.toml")) << text;
  }
}

TEST(TomlNesting, StringsEndWhereTheyDo) {
  const std::string deep = repeated("[", 100);
  for (const std::string text : {"a = ''\nb = ", "a = 'b\\'\nb = ", "a = \"\\\\\"\nb = ",
                                 "a = '''b'''''\nb = ", "a = \"\"\"\\\"\"\"\"\"\"\nb = "}) {
    EXPECT_THROW(require_toml_within_limits(text + deep, "a.toml"), Error) << text;
  }
}

TEST(TomlSize, DocumentsThatAreTooLargeAreRefused) {
  EXPECT_NO_THROW(require_toml_within_limits(std::string(kMaxTomlBytes, '\n'), "a.toml"));
  try {
    require_toml_within_limits(std::string(kMaxTomlBytes + 1, '\n'), "a.toml");
    ADD_FAILURE() << "not refused";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kLimit);
    EXPECT_THAT(error.what(), testing::StartsWith("a.toml "));
  }
}

TEST(TomlNesting, WideDocumentsAreFine) {
  std::string text = "a = [" + repeated("[1.5, 2.5], {b.c = 1.5}, ", 1000) + "]\n";
  text += repeated("[[step]]\nrate = 0.5\na.b.c = 2024-01-01T00:00:00.5\n", 1000);
  EXPECT_NO_THROW(require_toml_within_limits(text, "a.toml"));
  EXPECT_NO_THROW(require_toml_within_limits("", "a.toml"));
}

}  // namespace
}  // namespace qc
