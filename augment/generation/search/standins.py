"""Stand-ins for the network and other programs: they note how they were called, and answer as the code may expect."""

from __future__ import annotations

import json
import re

from augment.analysis import OutsideUse, TargetContext
from augment.generation.search.setting import Setting, patched, patching, place_of, uses_of, varied
from augment.generation.search.words import keys_in

_PROGRAMS = ("subprocess.run", "subprocess.check_output", "subprocess.call", "subprocess.check_call", "os.system")
_POPEN = "subprocess.Popen"
_HTTP_CLIENTS = ("requests", "httpx")
_HTTP_METHODS = ("get", "post", "put", "patch", "delete", "head", "request")
_URLOPEN = "urllib.request.urlopen"
_CONNECTIONS = ("socket.create_connection", "socket.socket")
_MOST_WAYS = 8
_OUTPUT = "one 1\ntwo 2\n"


def process_settings(context: TargetContext) -> list[Setting]:
    """Programs that succeed, that fail, and that are not there."""
    uses = context.outside.uses
    found = uses_of(uses, *_PROGRAMS)
    popen = uses_of(uses, _POPEN)
    if not found and not popen:
        return []
    ways = [("", 0, _OUTPUT), ("failing_program", 1, ""), ("silent_program", 0, "")]
    settings = []
    for label, code, output in ways:
        lines = [f"returncode = {code}", f"output = {_as_read(output, [*found, *popen])}", "commands = []"]
        parts = [line for use in found for line in _program(use)] + [
            line for use in popen for line in _popen(use, context)
        ]
        settings.append(patching(label, [*lines, *parts], "types", "io", looks=["commands"]))
    return [*settings, *_errors(context, "subprocess.CalledProcessError", "(1, ['program'])", [*found, *popen])]


def _as_read(output: str, uses: list[OutsideUse]) -> str:
    """Output as text where the code asks for text, else as bytes."""
    asks = any(re.search(r"text=True|universal_newlines=True|encoding=", use.text) for use in uses)
    return repr(output) if asks else repr(output.encode())


def _program(use: OutsideUse) -> list[str]:
    name = use.means.rpartition(".")[2]
    value = {
        "run": "types.SimpleNamespace(args=args, returncode=returncode, stdout=output, stderr=output[:0])",
        "check_output": "output",
    }.get(name, "returncode")
    return ["", f"def {name}(*args, **kwargs):", "    commands.append((args, kwargs))", f"    return {value}", "",
            patched(place_of(use), name)]  # fmt: skip


def _popen(use: OutsideUse, context: TargetContext) -> list[str]:
    """A class in the place of ``Popen``, with those of its methods that the code calls."""
    used = {item.means for item in context.outside.uses}
    lines = ["", "class Program:"]
    if re.search(r"\.(stdout|stderr)\b", context.source):
        lines += ["    stdout, stderr = io.BytesIO(b'one 1'), io.BytesIO(b'')", ""]
    lines += ["    def __init__(self, *args, **kwargs):", "        commands.append((args, kwargs))"]
    lines += ["        self.returncode = returncode", ""]
    lines += ["    def __enter__(self):", "        return self", ""]
    lines += ["    def __exit__(self, *args):", "        return False", ""]
    if ".communicate" in used:
        lines += ["    def communicate(self, *args, **kwargs):", "        commands.append((args, kwargs))"]
        lines += ["        return output, output[:0]", ""]
    for name in ("wait", "poll", "kill", "terminate"):
        if f".{name}" in used:
            lines += [f"    def {name}(self, *args, **kwargs):", "        return returncode", ""]
    return [*lines, patched(place_of(use), "Program")]


# --------------------------------------------------------------------------- network


def network_settings(context: TargetContext) -> list[Setting]:
    """Services that answer, that answer something else, and that cannot be reached."""
    kinds = (_urlopen(context), _http_client(context), _connection(context))
    return varied([found for found in kinds if found], _MOST_WAYS)


def _bodies(context: TargetContext) -> list[str]:
    """What services answer: what the code looks up in it first, then nothing of it, then no such form at all."""
    keys = keys_in(context.source)
    reads_json = any(use.means in ("json.load", "json.loads", ".json") for use in context.outside.uses)
    if not reads_json:
        return ["one 1\ntwo 2\n", ""]
    return [json.dumps(dict.fromkeys(keys or ["a"], 2)), "{}", "[1, 2]", "not json"]


def _urlopen(context: TargetContext) -> list[Setting]:
    found = uses_of(context.outside.uses, _URLOPEN)
    if not found:
        return []

    def setting(label: str, body: str) -> Setting:
        lines = [f"body = {body.encode()!r}", "requests = []", "", "class Response(io.BytesIO):"]
        lines += ["    status = code = 200", "    headers = {}", "", "    def getcode(self):", "        return 200", ""]
        lines += [
            "def urlopen(*args, **kwargs):",
            "    requests.append((args, kwargs))",
            "    return Response(body)",
            "",
        ]
        return patching(
            label, [*lines, *(patched(place_of(use), "urlopen") for use in found)], "io", looks=["requests"]
        )

    bodies = _bodies(context)
    settings = [setting("" if not index else f"answer_{index + 1}", body) for index, body in enumerate(bodies)]
    return [*settings, *_errors(context, "urllib.error.URLError", "('no route to host')", found)]


def _http_client(context: TargetContext) -> list[Setting]:
    wanted = [f"{client}.{method}" for client in _HTTP_CLIENTS for method in _HTTP_METHODS]
    found = uses_of(context.outside.uses, *wanted)
    if not found:
        return []

    def setting(label: str, status: int, body: str) -> Setting:
        lines = [f"status = {status}", f"body = {body!r}", "requests = []", "", "class Response:"]
        lines += ["    status_code, text, content, headers = status, body, body.encode(), {}"]
        lines += ["    ok = is_success = status < 400", "    reason = reason_phrase = 'OK' if ok else 'Failed'", ""]
        lines += ["    def json(self):", "        return json.loads(body)", ""]
        lines += ["    def raise_for_status(self):", "        return self", ""]
        lines += ["def answer(*args, **kwargs):", "    requests.append((args, kwargs))", "    return Response()", ""]
        return patching(
            label, [*lines, *(patched(place_of(use), "answer") for use in found)], "json", looks=["requests"]
        )

    bodies = _bodies(context)
    ways = [("", 200, bodies[0]), ("not_found", 404, bodies[0]), ("server_error", 500, "")]
    ways += [(f"answer_{index}", 200, body) for index, body in enumerate(bodies[1:], 2)]
    return [setting(*way) for way in ways]


def _connection(context: TargetContext) -> list[Setting]:
    found = uses_of(context.outside.uses, *_CONNECTIONS)
    if not found:
        return []
    used = {use.means for use in context.outside.uses}

    def setting(label: str, answer: str) -> Setting:
        lines = [f"answers = [{answer.encode()!r}]", "sent = []", "", "class Connection:"]
        lines += ["    def __init__(self, *args, **kwargs):", "        sent.append(args)", ""]
        lines += ["    def __enter__(self):", "        return self", ""]
        lines += ["    def __exit__(self, *args):", "        return False", ""]
        if used & {".recv", ".recvfrom"}:
            lines += ["    def recv(self, size):", "        return answers.pop(0) if answers else b''", ""]
        if ".makefile" in used:
            lines += ["    def makefile(self, *args):", "        return io.BytesIO(b''.join(answers))", ""]
        noted = [name for name in ("sendall", "send", "connect", "settimeout", "close") if f".{name}" in used]
        for name in noted:
            lines += [f"    def {name}(self, *args):", "        sent.append(args)", ""]
        imports = ["io"] if ".makefile" in used else []
        places = [patched(place_of(use), "Connection") for use in found]
        return patching(label, [*lines, *places], *imports, looks=["sent"])

    return [
        setting("", "pong 1\n"),
        setting("other_answer", "error\n"),
        setting("silent_host", ""),
        *_refused(found),
    ]


def _refused(found: list[OutsideUse]) -> list[Setting]:
    lines = ["", "def refused(*args, **kwargs):", "    raise ConnectionRefusedError('refused')", ""]
    return [patching("refused", [*lines, *(patched(place_of(use), "refused") for use in found)])]


def _errors(context: TargetContext, name: str, arguments: str, found: list[OutsideUse]) -> list[Setting]:
    """A stand-in that raises what the code is ready for, where the code names it."""
    use = next((use for use in context.outside.uses if use.means == name), None)
    if use is None or not found:
        return []
    spelled = f"{use.module}.{use.name}"
    lines = ["", "def failing(*args, **kwargs):", f"    raise {spelled}{arguments}", ""]
    places = [patched(place_of(item), "failing") for item in found]
    return [patching("error", [*lines, *places], use.module)]
