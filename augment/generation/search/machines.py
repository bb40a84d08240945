"""Chance that is seeded, and facts about the machine and its user that the test makes up."""

from __future__ import annotations

from augment.analysis import TargetContext
from augment.generation.search.setting import Setting, merged, patched, patching, place_of, uses_of

_CHANCE = {
    "secrets.token_hex": "lambda size=32: 'ab' * size",
    "secrets.token_urlsafe": "lambda size=32: 'a' * size",
    "secrets.token_bytes": "lambda size=32: b'a' * size",
    "secrets.randbelow": "lambda limit: limit - 1",
    "secrets.choice": "lambda items: items[-1]",
    "uuid.uuid4": "lambda: uuid.UUID(int=7)",
    "uuid.uuid1": "lambda *args: uuid.UUID(int=7)",
    "os.urandom": "lambda size: b'a' * size",
}
_GENERATORS = {
    "random.Random": ("random", "random.Random(0)"),
    "random.SystemRandom": ("random", "random.Random(0)"),
    "numpy.random.default_rng": ("numpy", "numpy.random.default_rng(0)"),
    "numpy.random.RandomState": ("numpy", "numpy.random.RandomState(0)"),
}
_MACHINE = {
    "os.cpu_count": ("lambda: 4", "lambda: 1", "lambda: None"),
    "multiprocessing.cpu_count": ("lambda: 4", "lambda: 1"),
    "os.getpid": ("lambda: 4321",),
    "os.getppid": ("lambda: 4320",),
    "os.getuid": ("lambda: 1000", "lambda: 0"),
    "os.getlogin": ("lambda: 'ada'",),
    "getpass.getuser": ("lambda: 'ada'",),
    "getpass.getpass": ("lambda *args: 'secret'",),
    "socket.gethostname": ("lambda: 'host.example'",),
    "socket.getfqdn": ("lambda *args: 'host.example'",),
    "platform.node": ("lambda: 'host.example'",),
    "platform.system": ("lambda: 'Linux'", "lambda: 'Windows'", "lambda: 'Darwin'"),
    "platform.machine": ("lambda: 'x86_64'", "lambda: 'arm64'"),
    "platform.release": ("lambda: '6.1'",),
    "platform.platform": ("lambda *args, **kwargs: 'Linux-6.1-x86_64'",),
    "platform.python_version": ("lambda: '3.11.4'",),
    "shutil.which": ("lambda name, *args: '/usr/bin/' + name", "lambda name, *args: None"),
    "os.path.getmtime": ("lambda path: 1709209800.0",),
    "os.path.getctime": ("lambda path: 1709209800.0",),
    "sys.platform": ("'linux'", "'win32'", "'darwin'"),
    "os.name": ("'posix'",),
}
_AT_HOME = ("pathlib.Path.home", "os.path.expanduser", ".expanduser")


def chance_settings(context: TargetContext) -> list[Setting]:
    """Seeded generators, and secrets that are known."""
    uses = context.outside.uses
    parts: list[Setting] = []
    seeded = {use.means.rpartition(".")[0] for use in uses if use.means not in _GENERATORS and use.text.endswith(")")}
    if "random" in seeded:
        parts.append(Setting("", ("random.seed(0)",), frozenset({"import random"})))
    if "numpy.random" in seeded:
        parts.append(Setting("", ("numpy.random.seed(0)",), frozenset({"import numpy"})))
    for use in uses_of(uses, *_GENERATORS):
        module, value = _GENERATORS[use.means]
        if use.text.endswith("()"):
            parts.append(patching("", [f"chance = {value}", patched(place_of(use), "lambda: chance")], module))
    for use in uses_of(uses, *_CHANCE):
        value = _CHANCE[use.means]
        parts.append(patching("", [patched(place_of(use), value)], *(["uuid"] if "uuid." in value else [])))
    return [merged(parts)] if parts else []


def machine_settings(context: TargetContext) -> list[Setting]:
    """Facts about the machine: those of one machine first, then one fact at a time of another."""
    uses = context.outside.uses
    facts = {place_of(use): _MACHINE[use.means] for use in uses_of(uses, *_MACHINE)}
    home: list[Setting] = []
    if any(use.means in _AT_HOME for use in uses):
        line = "monkeypatch.setenv('HOME', str(tmp_path))"
        home = [Setting("", (line,), fixtures=frozenset({"monkeypatch", "tmp_path"}))]
    if not facts:
        return home

    def setting(other: str, number: int) -> Setting:
        lines = [patched(place, values[number if place == other else 0]) for place, values in facts.items()]
        return merged([*home, patching("", lines)], f"other_{other.rpartition('.')[2]}" if other else "")

    others = [setting(place, number) for place, values in facts.items() for number in range(1, len(values))]
    return [setting("", 0), *others]


def console_settings(context: TargetContext) -> list[Setting]:
    """What is typed, and the arguments that a script was started with."""
    parts: list[tuple[str, ...]] = []
    imports: list[str] = []
    uses = context.outside.uses
    if any(use.means == "builtins.input" for use in uses):
        parts.append(("answers = ['yes', '3', 'no', '']", patched("builtins.input", "lambda *args: answers.pop(0)")))
    if any(use.means.startswith("sys.stdin") for use in uses):
        imports.append("io")
        parts.append((patched("sys.stdin", "io.StringIO('one\\ntwo 2\\n\\n')"),))
    if not context.main_guard and any(use.means == "sys.argv" for use in uses):
        parts.append((patched("sys.argv", "['program', 'one', '2']"),))
        other = patching("no_arguments", [patched("sys.argv", "['program']")])
        usual = patching("", [line for lines in parts for line in lines], *imports)
        return [usual, merged([usual, other], "no_arguments")]
    return [patching("", [line for lines in parts for line in lines], *imports)] if parts else []
