#!/bin/sh
# What has to be there before pip can do the rest: a Python that makes environments and builds
# extensions, a C++ compiler, Debian's packages. Each is found, or installed where we are root on
# Debian, or asked for in one sentence.
#
#   setup.sh venv FOLDER           make an environment of $PYTHON, or of the newest Python on PATH, unless there is one
#   setup.sh compiler              check that there is a C++17 compiler
#   setup.sh debian NAME:HEADER... install the packages whose header the compiler does not find
#   setup.sh programs NAME:PROGRAM install the packages whose program is not on PATH
set -eu

say() { echo "make: $*" >&2; }
fail() {
  say "$@"
  exit 1
}

one_line() { tr '\n' ' ' | sed 's/ $//'; }
can_install() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; }
install() {
  say "installing $*"
  apt-get update -qq >/dev/null 2>&1 || true # old lists may still do
  DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@" >/dev/null 2>&1
}

# ---- Python ----

# Prints what a Python lacks, as Debian names it; fails when it does not run or is older than 3.11.
lacks() {
  "$1" - 2>/dev/null <<'EOF'
import importlib.util, os, sys, sysconfig
if sys.version_info < (3, 11):
    sys.exit(1)
if not all(map(importlib.util.find_spec, ("venv", "ensurepip"))):
    print(f"python3-venv python3.{sys.version_info.minor}-venv")
if not os.path.exists(os.path.join(sysconfig.get_paths()["include"], "Python.h")):
    print(f"python3-dev python3.{sys.version_info.minor}-dev")
EOF
}

# All Pythons on PATH that may do, newest first. A pyenv shim may be there and run nothing.
candidates() {
  if [ -n "${PYTHON:-}" ]; then
    echo "$PYTHON"
    return
  fi
  minor=30
  while [ $minor -ge 11 ]; do
    echo "python3.$minor"
    minor=$((minor - 1))
  done
  echo python3
}

# The newest complete Python; else the newest, made complete.
find_python() {
  incomplete=
  for python in $(candidates); do
    command -v "$python" >/dev/null 2>&1 || continue
    missing=$(lacks "$python") || continue
    if [ -z "$missing" ]; then
      echo "$python"
      return
    fi
    incomplete=${incomplete:-$python}
  done
  if [ -z "$incomplete" ]; then
    [ -z "${PYTHON:-}" ] || fail "PYTHON=$PYTHON is not a Python of version 3.11 or later"
    fail "no Python 3.11 or later is on PATH: install one, or name it with PYTHON=/path/to/python3"
  fi
  # Debian names the package by the version, and python3-venv the one of its own Python.
  for versioned in $(lacks "$incomplete" | cut -d' ' -f2); do
    can_install && install "$versioned" || true
  done
  missing=$(lacks "$incomplete" | cut -d' ' -f1 | one_line)
  [ -z "$missing" ] ||
    fail "$incomplete cannot make environments or build extensions: install $missing (apt-get install $missing)"
  echo "$incomplete"
}

# An environment that is there is used as it is: it may be a developer's own.
make_venv() {
  if [ -e "$1" ]; then
    "$1/bin/python" -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
      fail "$1 is there, but is no environment of Python 3.11 or later with pip: remove it, and call make again"
    return
  fi
  python=$(find_python)
  say "making $1 with $("$python" --version)"
  "$python" -m venv "$1" || {
    rm -rf "$1"
    fail "$python -m venv failed: install python3-venv (apt-get install python3-venv)"
  }
}

# ---- the compiler and its libraries ----

CXX=${CXX:-c++}

check_compiler() {
  echo 'static_assert(__cplusplus >= 201703L); int main() {}' | $CXX -std=c++17 -x c++ -fsyntax-only - 2>/dev/null ||
    fail "$CXX is not a C++17 compiler that runs: install one (apt-get install g++), or name it with CXX="
}

absent() {
  for pair in "$@"; do
    echo "#include <${pair#*:}>" | $CXX -std=c++17 -x c++ -E - >/dev/null 2>&1 || echo "${pair%%:*}"
  done
}

debian() {
  missing=$(absent "$@" | one_line)
  [ -n "$missing" ] || return 0
  # shellcheck disable=SC2086  # a list
  if can_install && install $missing; then return 0; fi
  say "CMake will download what these Debian packages hold: $missing (apt-get install $missing)"
}

programs() {
  missing=$(for pair in "$@"; do command -v "${pair#*:}" >/dev/null 2>&1 || echo "${pair%%:*}"; done | one_line)
  [ -n "$missing" ] || return 0
  # shellcheck disable=SC2086  # a list
  if can_install && install $missing; then return 0; fi
  say "tests that need them will fail until these Debian packages are there: $missing (apt-get install $missing)"
}

command=$1
shift
case $command in
  venv) make_venv "$1" ;;
  compiler) check_compiler ;;
  debian) debian "$@" ;;
  programs) programs "$@" ;;
  *) fail "setup.sh has no command $command" ;;
esac
