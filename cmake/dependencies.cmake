# Every dependency is a Debian package; README.md says what each one is for.
find_program(QC_CCACHE ccache)
if(QC_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${QC_CCACHE})
endif()

find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(TBB REQUIRED)
find_package(zstd REQUIRED)
find_package(Protobuf REQUIRED) # before ONNX, whose config refers to protobuf::libprotobuf
find_package(ONNX REQUIRED)
find_package(CLI11 REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(xxhash REQUIRED IMPORTED_TARGET libxxhash)
