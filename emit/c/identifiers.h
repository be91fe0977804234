// Names and comments in C of texts that may hold anything.
#pragma once

#include <set>
#include <string>
#include <string_view>

namespace qc::c {

/// True for an identifier of C and C++ that a program may use: no keyword, nothing reserved.
bool is_identifier(std::string_view text);

/// Lower-case letters, digits and single underscores of a text, not taken before; it is taken then.
std::string unique_identifier(std::string_view text, std::set<std::string>& taken);

/// A text in a comment: whatever ends comments or lines is replaced.
std::string comment_text(std::string_view text);

}  // namespace qc::c
