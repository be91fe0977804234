# Every dependency is a Debian package; README.md says what each one is for.
include(${CMAKE_CURRENT_LIST_DIR}/ccache.cmake)

find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(zstd REQUIRED)
find_package(Protobuf REQUIRED) # before ONNX, whose config refers to protobuf::libprotobuf
find_package(ONNX REQUIRED)
find_package(CLI11 REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(tomlplusplus REQUIRED)
find_package(Eigen3 REQUIRED)
find_package(ZLIB REQUIRED)
find_package(JPEG REQUIRED)
find_package(PNG REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(xxhash REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(libzip REQUIRED IMPORTED_TARGET libzip)
pkg_check_modules(brotlienc REQUIRED IMPORTED_TARGET libbrotlienc)
pkg_check_modules(sndfile REQUIRED IMPORTED_TARGET sndfile)

# libsndfile is opened while the program runs (data/feeds/audio_file): only its header is needed.
add_library(qc_sndfile_header INTERFACE)
target_include_directories(qc_sndfile_header SYSTEM INTERFACE ${sndfile_INCLUDE_DIRS})

# What the program that starts fast needs comes as static libraries.
add_library(qc_fmt STATIC ${CMAKE_CURRENT_LIST_DIR}/fmt.cpp)
target_compile_features(qc_fmt PUBLIC cxx_std_20)
find_library(QC_XXHASH_STATIC NAMES libxxhash.a REQUIRED)
add_library(qc_xxhash INTERFACE)
target_include_directories(qc_xxhash SYSTEM INTERFACE ${xxhash_INCLUDE_DIRS})
target_link_libraries(qc_xxhash INTERFACE ${QC_XXHASH_STATIC})
