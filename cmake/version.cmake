# The version of the project, for parts of it that are projects of their own.
file(STRINGS ${CMAKE_CURRENT_LIST_DIR}/../CMakeLists.txt version_line REGEX "^project\\(qcompress VERSION")
string(REGEX MATCH "[0-9]+\\.[0-9]+\\.[0-9]+" QC_PROJECT_VERSION "${version_line}")
