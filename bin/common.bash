# shellcheck shell=bash
# Sourced by bin/up, bin/test, bin/lint, and bin/startproject. It also works with macOS' bash 3.2.

fail() {
  printf 'ERROR: %s\nFIX:   %s\n' "$1" "$2" >&2
  exit 1
}

engine_answers() {
  command -v docker >/dev/null && docker info >/dev/null 2>&1
}

# Find a Python that the application runs on, and that can create virtual environments.
find_python() {
  local candidate
  for candidate in python3.13 python3.12 python3.11 python3 python3.14; do
    if command -v "$candidate" >/dev/null &&
      "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      echo "$candidate"
      return
    fi
  done
  fail "No Python 3.11 or later with venv was found." \
    "Install it: apt install python3-venv, brew install python, or https://www.python.org/downloads/"
}

# install_packages FOLDER LOCK_FILES...: create a virtual environment with these packages, and
# again after a lock file changes. It always has the geo libraries, without their dependencies.
install_packages() {
  local folder=$1 stamp=$1/installed python lock
  shift
  if [[ -f $stamp ]] && cat "$@" requirements/geo.lock | cmp -s - "$stamp"; then
    return
  fi
  # A separate statement, because `local` would hide the exit code.
  python=$(find_python)
  echo "Installing Python packages into $folder, which takes a minute or two:"
  rm -rf "$folder"
  "$python" -m venv "$folder"
  for lock in "$@"; do
    echo "  $lock"
    "$folder/bin/pip" install --disable-pip-version-check --quiet --require-hashes --requirement "$lock"
  done
  echo "  requirements/geo.lock"
  "$folder/bin/pip" install --disable-pip-version-check --quiet --require-hashes --no-deps \
    --requirement requirements/geo.lock
  cat "$@" requirements/geo.lock >"$stamp"
}

# The environment that serves without Docker.
make_environment() {
  install_packages .venv requirements/django-5.2.lock
}

# The environment for tests and linters. Its programs come first on PATH from here on.
make_test_environment() {
  install_packages .venv-test \
    requirements/django-5.2.lock requirements/development.lock tests/requirements.lock
  PATH=$PWD/.venv-test/bin:$PATH
}
