#!/usr/bin/env bash
# Set up whatever is missing, then check the code and run every test. The last line printed says how many passed.
set -euo pipefail

usage() {
  cat <<'TEXT'
Usage: ./scripts/test.sh [PYTEST ARGUMENTS ...]

Sets up .venv, the packages and the model, then runs ruff, mypy, the import contract and pytest, by default on tests/.
Exits with 0 only if all of them pass. Examples:

  ./scripts/test.sh                          everything (needs the model and, for tests/browser, Chromium)
  ./scripts/test.sh tests/config -k origin   some tests; arguments go to pytest
TEXT
}

case "${1:-}" in -h | --help) usage; exit 0 ;; esac

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/common.sh
. scripts/common.sh

# The browser test drives a Chromium of the system, as the package index ships none.
ensure_chromium() {
  local name
  for name in chromium-browser google-chrome google-chrome-stable; do
    if command -v "$name" >/dev/null 2>&1; then return 0; fi
  done
  ensure_package chromium chromium "which tests/browser drives" "tests/browser will be skipped"
}

# Whether pytest is asked for tests/engines: where it is asked for other folders only, their packages are not needed.
wants_engines() {
  local argument others=no
  for argument in "$@"; do
    case "$argument" in
      tests/engines* | tests | tests/ | .) return 0 ;;
      tests/*) others=yes ;;
    esac
  done
  [ "$others" = no ]
}

# tests/cluster/test_nodes.py makes a network of namespaces.
ensure_iproute() {
  if [ "$(uname -s)" != Linux ]; then return 0; fi
  ensure_package iproute2 ip "for tests/cluster" "the test of several nodes will be skipped"
}

failed=()
step() {
  local name="$1"
  shift
  say "$name ..."
  "$@" || failed+=("$name")
}

ensure_venv dev
say "checking the model (fetched once, kept in the user's cache) ..."
./scripts/setup_huggingface_models.sh
ensure_bubblewrap
ensure_chromium
if wants_engines "$@"; then ensure_engines; fi
ensure_iproute

step "ruff check" .venv/bin/ruff check
step "ruff format --check" .venv/bin/ruff format --check --quiet
step "mypy" .venv/bin/mypy
step "import contract" .venv/bin/lint-imports
if [ ${#failed[@]} -gt 0 ]; then
  # Said here, as the count of tests has the last word.
  say "FAILED before the tests: $(printf '%s; ' "${failed[@]}")the exit status will say so too"
fi

status=0
export RAY_USAGE_STATS_ENABLED=0 GRADIO_ANALYTICS_ENABLED=False
reports="$(mktemp -d)"
trap 'rm -rf "$reports"' EXIT

# A test that hangs is ended after 15 minutes, with the stacks of its threads. Exit status 5, no test collected, fails too.
run_pytest() {
  local report="$1" ended=0
  shift
  .venv/bin/python -m pytest --timeout=900 --timeout-method=signal --durations=10 --durations-min=5 \
    --junitxml="$reports/$report.xml" "$@" || ended=$?
  if [ "$status" = 0 ]; then status="$ended"; fi
}

if [ $# -gt 0 ]; then
  say "pytest ..."
  run_pytest tests "$@"
else
  # What starts Ray, a model or a browser measures what the machine does, and has it to itself.
  alone=(tests/cluster tests/engines tests/browser)
  say "pytest, on every core: all but ${alone[*]} ..."
  run_pytest parallel -n auto --maxprocesses=4 --dist=loadfile "${alone[@]/#/--ignore=}" tests
  say "pytest: ${alone[*]} ..."
  # A process can be a driver of one such Ray only.
  run_pytest shared tests/cluster/test_shared_cluster.py
  run_pytest alone --ignore=tests/cluster/test_shared_cluster.py "${alone[@]}"
  shopt -s nullglob
  .venv/bin/python scripts/total.py "$reports"/*.xml
fi
if [ "$status" = 0 ] && [ ${#failed[@]} -gt 0 ]; then status=1; fi
exit "$status"
