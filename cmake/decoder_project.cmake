# Included by the projects that are the decoder alone, for other machines and other people's programs.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
include(${CMAKE_CURRENT_LIST_DIR}/ccache.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/module.cmake)

# The header alone, in a folder of its own: others of this machine must not be seen for another one.
find_path(QC_XXHASH_FOLDER xxhash.h REQUIRED
          PATHS /usr/include /usr/local/include NO_CMAKE_FIND_ROOT_PATH)
configure_file(${QC_XXHASH_FOLDER}/xxhash.h ${CMAKE_CURRENT_BINARY_DIR}/xxhash/xxhash.h COPYONLY)
add_library(qc_xxhash INTERFACE)
target_include_directories(qc_xxhash SYSTEM INTERFACE ${CMAKE_CURRENT_BINARY_DIR}/xxhash)
