#!/usr/bin/env bash
# Set up whatever is missing, then watch a project.
set -euo pipefail

usage() {
  cat <<'TEXT'
Usage: ./scripts/run_background_tests.sh [PROJECT] [FLAGS OF augment.launch ...]

Sets up whatever is missing (.venv, packages, the model, configuration), then watches PROJECT, by default
examples/bookshop, and prints the dashboard's address. Ctrl-C stops everything that it started.

  --no-model          needs no model: nothing is fetched, tests come from search alone
  --model-name NAME   fetches and uses another model
  --port PORT         the dashboard's port (8080)

Every other flag: .venv/bin/python -m augment.launch --help
TEXT
}

called_from="$PWD"
cd "$(dirname "${BASH_SOURCE[0]}")/.."
repository="$PWD"
# shellcheck source=scripts/common.sh
. scripts/common.sh

project="examples/bookshop"
if [ $# -gt 0 ] && [ "${1#-}" = "$1" ]; then
  project="$1"
  # Relative to where the user stands, not to this repository.
  case "$project" in /*) ;; *) project="$called_from/$project" ;; esac
  shift
fi

use_model=yes
setup=()
previous=""
for argument in "$@"; do
  case "$argument" in
    -h | --help) usage; exit 0 ;;
    --no-model) use_model=no ;;
    --model-name=*) setup=(--model "${argument#*=}") ;;
  esac
  if [ "$previous" = "--model-name" ]; then setup=(--model "$argument"); fi
  previous="$argument"
done
[ "$previous" != "--model-name" ] || fail "--model-name needs a value"
[ -d "$project" ] || fail "no folder '$project': name the root of the project to watch"

if [ "$use_model" = yes ]; then
  say "checking the set-up: .venv, packages, model, configuration ..."
  ./scripts/setup_huggingface_models.sh ${setup[@]+"${setup[@]}"}
else
  ensure_venv
fi

ensure_bubblewrap
say "watching $project (Ctrl-C to stop) ..."
exec .venv/bin/python -m augment.launch "$project" --config-dir "$repository/config" "$@"
