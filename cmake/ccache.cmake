# Objects are taken from the last build of the same source, in whatever folder that was.
find_program(QC_CCACHE ccache)
if(QC_CCACHE)
  # ccache keeps objects made with a precompiled header only if it is told to.
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros
      CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${QC_CCACHE})
endif()
