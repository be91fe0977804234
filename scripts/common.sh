# shellcheck shell=bash
# Sourced by the scripts: goes to the root of the repository and defines helpers.
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit

# The C++ sources of the project, null-terminated. $@: more conditions for find.
sources() {
  find . -path './.*' -prune -o -path './build*' -prune -o -type f "$@" -print0
}

# Says what is done, and runs a command whose output is shown only when it fails.
# $1: what is done; the rest: the command.
quietly() {
  local what="$1" log
  shift
  log="$(mktemp)"
  echo "== ${what}"
  if ! "$@" >"${log}" 2>&1; then
    cat "${log}"
    rm -f "${log}"
    echo "failed: $*" >&2
    return 1
  fi
  rm -f "${log}"
}

# Configures a preset and builds targets of it. $1: the preset; the rest: targets, default all.
build() {
  local preset="$1"
  shift
  quietly "configure ${preset}" cmake --preset "${preset}"
  quietly "build ${preset}" cmake --build --preset "${preset}" --target "${@:-all}"
}
