// A plan as a program in C.
#pragma once

#include <string>
#include <vector>

#include "emit/c/plan.h"

namespace qc::c {

/// What a program is called, and what readers of it are told.
struct ProgramNames {
  std::string name = "net";  ///< of the struct, and of files; an identifier
  std::string source;        ///< the model's file
  std::string version;       ///< of qcompress
};

enum class ProgramLayout {
  kFolder,   ///< with main.c and CMakeLists.txt
  kArduino,  ///< a library for the Arduino IDE and PlatformIO, with a sketch
};

struct ProgramFile {
  std::string name;
  std::string text;
};

/// NAME.h, NAME.c, NAME_weights.c and what the layout has beside them, some in folders of their
/// own. Throws Error(kUsage) for a name that is no identifier.
std::vector<ProgramFile> write_program(const Plan& plan, const ProgramNames& names,
                                       ProgramLayout layout = ProgramLayout::kFolder);

/// The file with the arrays.
std::string weights_text(const Plan& plan, const ProgramNames& names);
/// Declarations of the arrays, for whoever uses them.
std::string array_declarations(const Plan& plan, const std::string& prefix);

}  // namespace qc::c
