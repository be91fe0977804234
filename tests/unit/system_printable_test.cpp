// What a terminal may be shown of text that others wrote.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "system/printable.h"

namespace qc {
namespace {

using namespace std::string_view_literals;

TEST(Printable, LeavesOrdinaryTextAlone) {
  for (const std::string_view text : {""sv, "conv1.weight"sv, "C:\\models\\a b.onnx"sv,
                                      "Gewichte für 重み, Ω ≈ 1, 🙂"sv}) {
    EXPECT_EQ(printable(text), text);
    EXPECT_EQ(printable_lines(text), text);
    EXPECT_EQ(printable_json(text), text);
  }
}

TEST(Printable, ShowsControlCharactersEscaped) {
  EXPECT_EQ(printable("a\x1b[2Jb"sv), "a\\x1b[2Jb");
  EXPECT_EQ(printable("\0\a\x7f"sv), "\\x00\\x07\\x7f");
  EXPECT_EQ(printable("one\ntwo\r\tthree"sv), "one\\ntwo\\r\\tthree");
  EXPECT_EQ(printable("\u009b2J"sv), "\\u009b2J");
}

TEST(Printable, ShowsInvisibleCharactersAndDirectionsEscaped) {
  EXPECT_EQ(printable("a\u202eb\u2066c\u200fd"sv), "a\\u202eb\\u2066c\\u200fd");
  EXPECT_EQ(printable("\u200b\ufeff\u2028"sv), "\\u200b\\ufeff\\u2028");
  EXPECT_EQ(printable("\U000e0041"sv), "\\U000e0041");
}

TEST(Printable, ShowsWhatIsNotUtf8Escaped) {
  EXPECT_EQ(printable("a\xff\x80z"sv), "a\\xff\\x80z");
  EXPECT_EQ(printable("\xc0\x9b"sv), "\\xc0\\x9b");                    // overlong
  EXPECT_EQ(printable("\xe0\x80\x9b"sv), "\\xe0\\x80\\x9b");           // overlong
  EXPECT_EQ(printable("\xed\xa0\x80"sv), "\\xed\\xa0\\x80");           // a surrogate
  EXPECT_EQ(printable("\xf4\x90\x80\x80"sv), "\\xf4\\x90\\x80\\x80");  // beyond Unicode
  EXPECT_EQ(printable("\xe9\x87"sv), "\\xe9\\x87");                    // cut off
  EXPECT_EQ(printable("\xe9g\xcd"sv), "\\xe9g\\xcd");
}

TEST(Printable, KeepsEndsOfLinesInText) {
  EXPECT_EQ(printable_lines("one\n\ttwo\r\n\x1b"sv), "one\n\ttwo\\r\n\\x1b");
}

TEST(Printable, EscapesJsonAsJsonDoes) {
  EXPECT_EQ(printable_json("{\n \"\x7f\u009b\u202e\U000e0041\xff\"}"sv),
            "{\n \"\\u007f\\u009b\\u202e\\udb40\\udc41\\ufffd\"}");
}

RC_GTEST_PROP(Printable, IsPrintableOfAnyBytesAndStaysSo, (const std::string& bytes)) {
  const std::string shown = printable(bytes);
  RC_ASSERT(printable(shown) == shown);
  RC_ASSERT(std::ranges::none_of(
      shown, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }));
}

TEST(DisplayWidth, CountsColumns) {
  EXPECT_EQ(display_width(""), 0U);
  EXPECT_EQ(display_width("weight"), 6U);
  EXPECT_EQ(display_width("für"), 3U);
  EXPECT_EQ(display_width("重み"), 4U);
  EXPECT_EQ(display_width("e\u0301"), 1U);
  EXPECT_EQ(display_width("🙂"), 2U);
}

TEST(DisplayWidth, CutsBetweenCharacters) {
  EXPECT_EQ(first_columns("für", 2), "fü");
  EXPECT_EQ(first_columns("重み", 3), "重");
  EXPECT_EQ(first_columns("e\u0301e", 1), "e\u0301");
  EXPECT_EQ(first_columns("abc", 9), "abc");
  EXPECT_EQ(last_columns("für", 2), "ür");
  EXPECT_EQ(last_columns("重み", 3), "み");
  EXPECT_EQ(last_columns("重e\u0301", 1), "e\u0301");
  EXPECT_EQ(last_columns("abc", 9), "abc");
}

}  // namespace
}  // namespace qc
