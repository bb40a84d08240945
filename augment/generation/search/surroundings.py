"""The world around a target, put in its place by the test: environment, clock, chance, files, module state.

A test that depends on today, the machine, the network or the environment is of no use tomorrow. So whatever a target,
or what it calls, takes from outside is replaced before the call by pytest's own fixtures; and what the call does to
the outside (the commands that it runs, the files that it writes) is looked at after it.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Callable, Iterator, Sequence

from augment.analysis import OutsideUse, StateUse, TargetContext
from augment.generation.search.clocks import clock_settings
from augment.generation.search.machines import chance_settings, console_settings, machine_settings
from augment.generation.search.setting import Setting, patched, patching, varied
from augment.generation.search.standins import network_settings, process_settings
from augment.generation.search.values import samples_for
from augment.generation.search.words import keys_in

MOST_SETTINGS = 12
_MOST_TEXTS = 6
_FILE_NAME = re.compile(r"^(?!\.\.?/)[\w-][\w.-]*(?:/[\w.-]+)*\.[A-Za-z]\w{0,5}$")
_OPENS = frozenset({"builtins.open", "io.open", "pathlib.Path", "codecs.open", "os.path.exists", "os.path.isfile"})
_OPENING_METHODS = frozenset({".read_text", ".write_text", ".read_bytes", ".write_bytes", ".open", ".exists", ".touch"})
_WRITING_METHODS = frozenset({".write_text", ".write_bytes", ".touch", ".rename", ".unlink"})
_WRITING = frozenset(
    {
        "shutil.copy",
        "shutil.copyfile",
        "shutil.copytree",
        "shutil.move",
        "shutil.rmtree",
        "os.remove",
        "os.unlink",
        "os.rename",
        "os.replace",
        "os.makedirs",
        "os.mkdir",
    }
)
WRITTEN = (
    "{path.relative_to(tmp_path).as_posix(): path.read_text() "
    "for path in sorted(tmp_path.rglob('*')) if path.is_file()}"
)
"""What stands in the temporary folder, as a test looks at it."""
_ENVIRONMENT = ("os.environ", "os.getenv")


def settings_for(context: TargetContext) -> list[Setting]:
    """The ways to set the world up around ``context``'s target, the usual one first; [] where it needs none.

    Each further one differs from the first in one thing.
    """
    return varied([found for reader in _READERS if (found := reader(context))], MOST_SETTINGS)


def named_variables(context: TargetContext) -> dict[str, str]:
    """Parameters that name a variable of the environment -> the name of one that the test sets."""
    found: dict[str, str] = {}
    names = {item.name for item in context.parameters}
    for use in _reads(context):
        node = _key_of(use)
        if isinstance(node, ast.Name) and node.id in names:
            found[node.id] = f"APP_{node.id.upper()}"
    return found


# --------------------------------------------------------------------------- environment


def _environment(context: TargetContext) -> list[Setting]:
    named = named_variables(context)
    texts: dict[str, list[str]] = {name: ["on", "7", ""] for name in named.values()}
    whole = False
    for use in _reads(context):
        key = _key_of(use)
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            known = texts.setdefault(key.value, [])
            known += [text for text in _texts_for(key.value, use) if text not in known]
        elif not (isinstance(key, ast.Name) and key.id in named):
            whole = True
    if whole:
        # Which variables are read is not known: so there are no others.
        variables = {name: values[0] for name, values in texts.items()} or {"APP_MODE": "test", "APP_LEVEL": "3"}
        return [patching("environment", (patched("os.environ", repr(variables)),))]
    return list(_environments(texts))


def _environments(texts: dict[str, list[str]]) -> Iterator[Setting]:
    """All variables set; none set; then one at a time with another value, and one at a time left out."""
    if not texts:
        return
    usual = {name: values[0] for name, values in texts.items()}

    def setting(values: dict[str, str], label: str) -> Setting:
        lines = [
            f"monkeypatch.setenv({name!r}, {values[name]!r})"
            if name in values
            else f"monkeypatch.delenv({name!r}, raising=False)"
            for name in texts
        ]
        return Setting(label, tuple(lines), fixtures=frozenset({"monkeypatch"}))

    yield setting(usual, "environment")
    yield setting({}, "empty_environment")
    for depth in range(1, _MOST_TEXTS):
        for name, values in texts.items():
            if depth < len(values):
                yield setting({**usual, name: values[depth]}, f"other_{name.lower()}")
    if len(texts) > 1:
        for name in texts:
            yield setting({key: value for key, value in usual.items() if key != name}, f"no_{name.lower()}")


def _reads(context: TargetContext) -> Iterator[OutsideUse]:
    return (use for use in context.outside.uses if use.means.startswith(_ENVIRONMENT))


def _key_of(use: OutsideUse) -> ast.expr | None:
    """The name of the variable in ``os.environ.get(...)``, ``os.environ[...]`` and ``... in os.environ``."""
    try:
        node = ast.parse(use.text, mode="eval").body
    except SyntaxError:
        return None
    if isinstance(node, ast.Call):
        return node.args[0] if node.args else None
    if isinstance(node, ast.Subscript):
        return node.slice
    return node.left if isinstance(node, ast.Compare) else None


def _texts_for(name: str, use: OutsideUse) -> list[str]:
    """Values for one variable: those that it is compared with first, then those that its use and name suggest."""
    around = use.around
    found = (
        [text for text in _strings_in(around) if text not in (name, "")] if " in " in around or "==" in around else []
    )
    if re.search(r"\b(int|float)\(", around):
        return [*found, "9000", "0", "-1", "many"]
    named = [value.text for value in samples_for(name.lower())]
    found += [str(ast.literal_eval(text)) for text in named[:2]]
    return [*found, "Value ", "1", ""] if found else ["Value ", "1", "true", ""]


def _strings_in(text: str) -> list[str]:
    try:
        nodes = list(ast.walk(ast.parse(text, mode="eval")))
    except SyntaxError:
        return []
    return [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]


# --------------------------------------------------------------------------- files


def _files(context: TargetContext) -> list[Setting]:
    """A folder of its own for relative file names, with the file and without; what is written there is looked at."""
    means = {use.means for use in context.outside.uses}
    names = _file_names(context) if means & _OPENS or means & _OPENING_METHODS else []
    looks = (WRITTEN,) if _writes(context) else ()
    fixtures = frozenset({"tmp_path"}) if looks or names else frozenset[str]()
    moved = "monkeypatch.chdir(tmp_path)"
    if not names:
        return [Setting("", (moved,), fixtures=fixtures | {"monkeypatch"}, looks=looks)] if looks else []
    fixtures |= {"monkeypatch"}
    lines = [line for name in names[:2] for line in _written_file(name, context)]
    return [
        Setting("files", (moved, *lines), fixtures=fixtures, looks=looks),
        Setting("no_files", (moved,), fixtures=fixtures, looks=looks),
        Setting(
            "broken_files", (moved, *(line for name in names[:2] for line in _written(name, "'{'"))), fixtures=fixtures
        ),
    ]


def _file_names(context: TargetContext) -> list[str]:
    read = [ast.literal_eval(text) for text in context.literals if text.startswith(("'", '"'))]
    return list(dict.fromkeys(text for text in read if isinstance(text, str) and _FILE_NAME.match(text)))


def _written_file(name: str, context: TargetContext) -> list[str]:
    if name.endswith(".json"):
        keys = keys_in(context.source) or ["a"]
        return _written(name, repr("{" + ", ".join(f'"{key}": 1' for key in keys) + "}"))
    return _written(name, repr("# comment\none=1\n\ntwo,2\n"))


def _written(name: str, text: str) -> list[str]:
    folder = name.rpartition("/")[0]
    made = [f"(tmp_path / {folder!r}).mkdir(parents=True)"] if folder else []
    return [*made, f"(tmp_path / {name!r}).write_text({text})"]


def _writes(context: TargetContext) -> bool:
    for use in context.outside.uses:
        if use.means in _WRITING or use.means in _WRITING_METHODS:
            return True
        if use.means in ("builtins.open", ".open") and re.search(r"['\"][wax]b?\+?['\"]", use.text):
            return True
    return False


# --------------------------------------------------------------------------- state


def _state(context: TargetContext) -> list[Setting]:
    """Variables of modules begin with what they were given first, and cached results are forgotten."""
    lines: list[str] = []
    looks: list[str] = []
    imports: set[str] = set()
    for item in context.outside.state:
        value = _first_value(item)
        if value is not None:
            lines.append(patched(f"{item.module}.{item.name}", value))
            looks.append(f"{item.module}.{item.name}")
            imports.add(f"import {item.module}")
    fixtures = frozenset({"monkeypatch"}) if lines else frozenset[str]()
    for name in context.outside.caches:
        module, _, qualname = name.partition(":")
        lines.append(f"{module}.{qualname}.cache_clear()")
        imports.add(f"import {module}")
    return [Setting("", tuple(lines), frozenset(imports), fixtures, tuple(looks))] if lines else []


def _first_value(state: StateUse) -> str | None:
    """The first value as an expression of a test, where it can be made anew; the module's names are spelled with it."""
    try:
        tree = ast.parse(state.value, mode="eval")
    except SyntaxError:
        return None
    if any(isinstance(node, ast.Await | ast.Yield | ast.NamedExpr) for node in ast.walk(tree)):
        return None
    bound = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    bound |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id not in bound and not hasattr(builtins, node.id):
            node.id = f"{state.module}.{node.id}"
    return ast.unparse(tree)


_READERS: Sequence[Callable[[TargetContext], list[Setting]]] = (
    _environment,
    clock_settings,
    chance_settings,
    machine_settings,
    console_settings,
    network_settings,
    process_settings,
    _files,
    _state,
)
