# Shared by the scripts beside it; to be sourced, not run. Functions only.

# One line about what is being done, on stderr so that a caller may read stdout.
say() { printf '[augment] %s\n' "$*" >&2; }

# One line about what is wrong and the way out, then the end.
fail() { printf '[augment] error: %s\n' "$*" >&2; exit 2; }

# ensure_package PACKAGE COMMAND WHAT_FOR WITHOUT: install a system package that COMMAND comes with, where that is possible
# unasked (root, apt-get); else one line that says what follows from its absence and how to get it.
ensure_package() {
  local package="$1" command="$2" what_for="$3" without="$4"
  if command -v "$command" >/dev/null 2>&1; then return 0; fi
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    say "installing $package, $what_for ..."
    if apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$package" >/dev/null; then
      return 0
    fi
  fi
  say "no $package found, $without: apt-get install $package (as root), or your system's way"
}

# The stricter tier of the sandbox needs bubblewrap; without it there is Landlock, where the kernel has it.
ensure_bubblewrap() {
  if [ "$(uname -s)" != Linux ]; then return 0; fi
  ensure_package bubblewrap bwrap "which confines generated tests" "generated tests are confined less strictly"
}

# Print the interpreter to build .venv with: $PYTHON, by default python3. It must be Python 3.11 or newer.
choose_python() {
  local python="${PYTHON:-python3}" version
  command -v "$python" >/dev/null 2>&1 || fail "no interpreter '$python' found: install Python 3.11 or newer, or set PYTHON=/path/to/python"
  version="$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)" || fail "'$python' does not run: set PYTHON=/path/to/python (3.11 or newer)"
  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail "'$python' is Python $version, Augment needs 3.11 or newer: set PYTHON=/path/to/python3.11"
  printf '%s\n' "$python"
}

# ensure_venv [EXTRA]: make .venv and install Augment into it, editable, unless that has been done for this pyproject.toml.
ensure_venv() {
  local extra="${1:-}" spec="." stamp wanted python
  [ -n "$extra" ] && spec=".[$extra]"
  stamp=".venv/.augment-installed${extra:+-$extra}"
  if ! .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
    python="$(choose_python)" || exit $?
    say "making .venv with $("$python" --version 2>&1) ..."
    "$python" -m venv --clear .venv || fail "cannot make .venv: on Debian and Ubuntu install python3-venv, then try again"
  fi
  wanted="$(.venv/bin/python -c 'import hashlib, pathlib, os; print(hashlib.sha256(pathlib.Path("pyproject.toml").read_bytes() + os.getcwd().encode()).hexdigest())')"
  # Where the developers' extra is, the base is there too.
  if [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then return 0; fi
  if [ -z "$extra" ] && [ "$(cat .venv/.augment-installed-dev 2>/dev/null)" = "$wanted" ]; then return 0; fi
  say "installing Augment and what it needs into .venv (a few minutes the first time) ..."
  .venv/bin/python -m pip install --disable-pip-version-check --progress-bar off -e "$spec" \
    || fail "pip could not install '$spec': the lines above say why; the same command goes on where it stopped"
  printf '%s\n' "$wanted" > "$stamp"
  say "installed."
}

ENGINES_IMPORTS="import accelerate, gguf, transformers, vllm.v1.engine.async_llm"

# ensure_engines: make .venv-engines, with vLLM for the CPU, torch and transformers, unless that has been done for this
# list of packages. vLLM wants a torch of its own, so they do not lie in .venv. The list is whole: nothing beside it is
# installed. Only what is imported is compiled to bytecode, once, which shows that it can be imported, too. Where that
# fails the tests of these engines are skipped.
ensure_engines() {
  local list="scripts/engines-requirements.txt" stamp=".venv-engines/.augment-installed" wanted started=$SECONDS
  wanted="$(cksum < "$list")"
  if [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then return 0; fi
  say "installing vLLM, torch and transformers into .venv-engines, for tests/engines (minutes the first time) ..."
  rm -f "$stamp"
  if .venv/bin/python -m venv --clear .venv-engines && VLLM_TARGET_DEVICE=cpu .venv-engines/bin/python -m pip install \
    --disable-pip-version-check -qq --progress-bar off --no-deps --no-compile -r "$list" \
    && env -u PYTHONDONTWRITEBYTECODE VLLM_LOGGING_LEVEL=ERROR .venv-engines/bin/python -c "$ENGINES_IMPORTS"; then
    printf '%s\n' "$wanted" > "$stamp"
    say "installed in $((SECONDS - started)) s."
  else
    say "not installed: the lines above say why. The tests of vLLM and transformers will be skipped"
  fi
}
