# qc_module(NAME [FOLDER folder] SOURCES ... [DEPENDS ...] [LIBRARIES ...])
# A folder of the project as a static library. Its headers are reached as "FOLDER/file.h", and only by
# targets that depend on it: each module has an include root of its own that holds nothing but a link
# to its folder, so an include against the direction of dependencies does not build. FOLDER is the
# path of the folder in the project, and NAME where it is not given.
set(QC_WARNINGS -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Wold-style-cast)
if(QC_WERROR)
  list(APPEND QC_WARNINGS -Werror)
endif()

function(qc_compile_options target)
  # Without -ffp-contract=off a compiler may fuse multiplications and additions where the machine has
  # an instruction for it, and models pruned or shared there would differ in the last bit.
  target_compile_options(${target} PRIVATE ${QC_WARNINGS} -ffp-contract=off)
  if(QC_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=address,undefined
                                             -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
    target_link_options(${target} PRIVATE -fsanitize=address,undefined)
  endif()
  if(QC_FUZZ)
    target_compile_options(${target} PRIVATE -fsanitize=fuzzer-no-link)
    target_compile_definitions(${target} PRIVATE FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION)
  endif()
endfunction()

# Headers of libraries that most files of a target include are parsed once. ccache can tell whether a
# precompiled header changed with -fpch-preprocess, and where no time stamp is in it.
function(qc_precompile target)
  target_precompile_headers(${target} PRIVATE ${ARGN})
  target_compile_options(${target} PRIVATE
    "$<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>"
    "$<$<CXX_COMPILER_ID:Clang>:SHELL:-Xclang -fno-pch-timestamp>")
endfunction()

# For tests, which take longer to compile than to run: not optimised, and with AddressSanitizer alone,
# since UndefinedBehaviorSanitizer doubles the time. The modules under test are optimised and have both.
function(qc_test_options target)
  qc_compile_options(${target})
  target_compile_options(${target} PRIVATE -O0)
  if(QC_SANITIZE)
    target_compile_options(${target} PRIVATE -g0 -fno-sanitize=undefined)
  endif()
endfunction()

# An executable of many files that use GoogleTest.
function(qc_gtest_options target)
  qc_test_options(${target})
  qc_precompile(${target} <gmock/gmock.h> <gtest/gtest.h> <algorithm> <filesystem> <fstream> <functional>
                <map> <optional> <string> <vector> ${ARGN})
endfunction()

function(qc_module name)
  cmake_parse_arguments(arg "" "FOLDER" "SOURCES;DEPENDS;LIBRARIES" ${ARGN})
  if(NOT arg_FOLDER)
    set(arg_FOLDER ${name})
  endif()
  set(include_root ${PROJECT_BINARY_DIR}/include_roots/${arg_FOLDER})
  cmake_path(GET arg_FOLDER PARENT_PATH parent)
  file(MAKE_DIRECTORY ${include_root}/${parent})
  file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR} ${include_root}/${arg_FOLDER} SYMBOLIC)
  add_library(qc_${name} STATIC ${arg_SOURCES})
  target_include_directories(qc_${name} PUBLIC ${include_root})
  target_link_libraries(qc_${name} PUBLIC ${arg_DEPENDS} PRIVATE ${arg_LIBRARIES})
  qc_compile_options(qc_${name})
endfunction()

# Makes NAME.inc of the file NAME.*, which sources of the target include between the braces of an array
# of bytes.
set(QC_EMBED_SCRIPT ${CMAKE_CURRENT_LIST_DIR}/embed_file.cmake)
function(qc_embed_file target file)
  get_filename_component(name ${file} NAME_WE)
  set(bytes ${CMAKE_CURRENT_BINARY_DIR}/embedded/${name}.inc)
  add_custom_command(
    OUTPUT ${bytes}
    COMMAND ${CMAKE_COMMAND} -D INPUT=${file} -D OUTPUT=${bytes} -P ${QC_EMBED_SCRIPT}
    DEPENDS ${file} ${QC_EMBED_SCRIPT}
    VERBATIM)
  target_sources(${target} PRIVATE ${bytes})
  target_include_directories(${target} PRIVATE ${CMAKE_CURRENT_BINARY_DIR}/embedded)
endfunction()
