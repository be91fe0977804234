#include "emit/c/identifiers.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "system/printable.h"

namespace qc::c {
namespace {

constexpr std::size_t kLongest = 40;

constexpr std::array kReserved = {"alignas",     "alignof",      "and",       "and_eq",
                                  "asm",         "auto",         "bitand",    "bitor",
                                  "bool",        "break",        "case",      "catch",
                                  "char",        "char8_t",      "char16_t",  "char32_t",
                                  "class",       "compl",        "concept",   "const",
                                  "const_cast",  "consteval",    "constexpr", "constinit",
                                  "continue",    "co_await",     "co_return", "co_yield",
                                  "decltype",    "default",      "delete",    "do",
                                  "double",      "dynamic_cast", "else",      "enum",
                                  "explicit",    "export",       "extern",    "false",
                                  "float",       "for",          "friend",    "goto",
                                  "if",          "inline",       "int",       "long",
                                  "main",        "mutable",      "namespace", "new",
                                  "noexcept",    "not",          "not_eq",    "nullptr",
                                  "operator",    "or",           "or_eq",     "private",
                                  "protected",   "public",       "register",  "reinterpret_cast",
                                  "requires",    "restrict",     "return",    "short",
                                  "signed",      "sizeof",       "static",    "static_assert",
                                  "static_cast", "struct",       "switch",    "template",
                                  "this",        "thread_local", "throw",     "true",
                                  "try",         "typedef",      "typeid",    "typename",
                                  "typeof",      "union",        "unsigned",  "using",
                                  "virtual",     "void",         "volatile",  "wchar_t",
                                  "while",       "xor",          "xor_eq",    "linux",
                                  "unix"};

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

bool is_identifier(std::string_view text) {
  if (text.empty() || text.size() > kLongest || !is_letter(text[0])) return false;
  if (!std::ranges::all_of(text, [](char c) { return is_letter(c) || is_digit(c) || c == '_'; })) {
    return false;
  }
  return !text.starts_with("qk_") && std::ranges::find(kReserved, text) == kReserved.end();
}

std::string unique_identifier(std::string_view text, std::set<std::string>& taken) {
  std::string name;
  for (const char c : text) {
    if (is_letter(c) || is_digit(c)) {
      name += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    } else if (!name.empty() && name.back() != '_') {
      name += '_';
    }
  }
  // The end of a path says most.
  if (name.size() > kLongest) name = name.substr(name.size() - kLongest);
  while (!name.empty() && name.back() == '_') name.pop_back();
  while (!name.empty() && name.front() == '_') name.erase(0, 1);
  if (name.empty()) name = "value";
  if (!is_letter(name[0])) name.insert(name.begin(), 'v');
  if (!is_identifier(name)) name += "_value";
  std::string unique = name;
  for (int i = 2; !taken.insert(unique).second; ++i) unique = fmt::format("{}_{}", name, i);
  return unique;
}

std::string comment_text(std::string_view text) {
  std::string quoted = printable(std::string(text));
  for (std::size_t i = 0; i < quoted.size(); ++i) {
    const auto byte = static_cast<unsigned char>(quoted[i]);
    const bool ends = quoted[i] == '/' && i > 0 && quoted[i - 1] == '*';
    const bool begins = quoted[i] == '*' && i > 0 && quoted[i - 1] == '/';
    if (ends || begins || quoted[i] == '\\' || quoted[i] == '?' || byte < 0x20 || byte > 0x7e) {
      quoted[i] = '_';
    }
  }
  // It may stand before the end of the comment.
  if (!quoted.empty() && (quoted.back() == '*' || quoted.back() == '/')) quoted += ' ';
  if (!quoted.empty() && (quoted.front() == '*' || quoted.front() == '/'))
    quoted.insert(quoted.begin(), ' ');
  return quoted;
}

}  // namespace qc::c
