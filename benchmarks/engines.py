"""The same prompts through every engine that is installed, with the same model.

    python benchmarks/engines.py [--engines openvino,transformers,vllm,openai] [--model NAME] [--python ENGINE=PATH ...]
        [--base-url URL] [--tokens 128] [--quick] [--no-generation] [--json FILE [--add]] [--page]

For each engine: seconds to load, tokens a second alone and eight at once, seconds to the first token of a prompt that
is new and of one that begins like it, memory, and tests that a pass of generation by the model alone admits in a
minute. An engine that is not installed is a row that says so. `--python` names the interpreter of an engine's own
environment; .venv-engines, which scripts/test.sh makes, is taken unasked. `--page` writes docs/performance.md.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
from generation_subjects import SUBJECTS, install
from pages import ROOT, section_text
from performance import PAGE

from augment.errors import AugmentError
from augment.seams import Message, Request, Sampling
from augment.serve import EngineSpec, LocalEngine, default_model, load_engine
from augment.serve.convert import converted, is_converted
from augment.serve.extras import installed_engines, missing_line
from augment.serve.fetch import locate_files

ENGINES = ("openvino", "transformers", "vllm", "openai")
AT_ONCE = 8
SUBJECT = SUBJECTS["codetiming"]
_OTHERS = ("search", "difference", "integration", "property")
_PIECE_LIMIT_S = 1800.0
_PASS_LIMIT_S = 3600.0


@dataclass
class Row:
    """What one engine did; None where it was not measured. Seconds, tokens a second, bytes."""

    engine: str
    said: str = ""
    load_s: float | None = None
    single: float | None = None
    at_once: float | None = None
    first_cold_s: float | None = None
    first_shared_s: float | None = None
    memory: int | None = None
    tests: int | None = None
    tests_a_minute: float | None = None


def main() -> int:
    options = read_options()
    measured = {row.engine: row for row in kept_rows(options)}
    data: dict[str, object] = {}
    for engine in options.engines:
        print(f"== {engine}", file=sys.stderr, flush=True)
        measured[engine] = measure(engine, options)
        rows = [measured[name] for name in ENGINES if name in measured]
        data = {"model": options.model, "tokens": options.tokens, "rows": [asdict(row) for row in rows]}
        if options.json:  # after each, as all of them take an hour
            options.json.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
        print(json.dumps(asdict(measured[engine])), file=sys.stderr, flush=True)
    print(json.dumps(data, indent=2))
    shown = table(rows, options)
    print(shown)
    if options.page:
        PAGE.write("engines", section_text("Engines", "", ["engines.py", *sys.argv[1:]], shown))
    return 0


def kept_rows(options: argparse.Namespace) -> list[Row]:
    """With ``--add`` the rows that ``--json`` holds; measured with another model or length they are no peers."""
    if not options.add or not options.json.exists():
        return []
    data = json.loads(options.json.read_text(encoding="utf-8"))
    if (data["model"], data["tokens"]) != (options.model, options.tokens):
        sys.exit(f"{options.json}: measured with {data['model']} and {data['tokens']} tokens; measure all anew")
    return [Row(**row) for row in data["rows"]]


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engines", type=names, default=list(ENGINES), help="separated by commas")
    parser.add_argument("--model", default=default_model("small").hub)
    parser.add_argument("--python", action="append", default=[], metavar="ENGINE=PATH")
    parser.add_argument("--base-url", help="a server for the engine openai")
    parser.add_argument("--tokens", type=int, default=128, help="length of each timed answer")
    parser.add_argument("--budget", type=float, default=120.0, help="seconds of the pass of generation")
    parser.add_argument("--quick", action="store_true", help="short answers, no generation")
    parser.add_argument("--no-generation", action="store_true")
    parser.add_argument("--page", action="store_true", help="write the table into docs/performance.md")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--add", action="store_true", help="keep the rows of other engines that --json holds")
    options = parser.parse_args()
    if options.add and not options.json:
        parser.error("--add needs --json")
    options.tokens = min(options.tokens, 16) if options.quick else options.tokens
    shared = ROOT / ".venv-engines" / "bin" / "python"
    options.pythons = {engine: str(shared) for engine in ("transformers", "vllm") if shared.exists()}
    options.pythons.update(each.split("=", 1) for each in options.python)
    return options


def names(text: str) -> list[str]:
    found = [name.strip() for name in text.split(",") if name.strip()]
    unknown = sorted(set(found) - set(ENGINES))
    if unknown or not found:
        raise argparse.ArgumentTypeError(f"no engine {', '.join(unknown)}; known: {', '.join(ENGINES)}")
    return found


def measure(engine: str, options: argparse.Namespace) -> Row:
    row = Row(engine)
    python = options.pythons.get(engine)
    if engine == "openai" and not options.base_url:
        row.said = "no server named (--base-url)"
        return row
    if engine not in installed_engines(python):
        row.said = missing_line(engine, ["packages that are not installed"])
        return row
    spec = EngineSpec(options.model, engine=engine, nice=0, python=python, base_url=options.base_url, key=key())
    try:
        convert_ahead(spec)
        began = time.monotonic()
        with load_engine(spec) as loaded:
            row.load_s = time.monotonic() - began
            time_answers(loaded, row, options.tokens)
            row.memory = resident(loaded.process.pid)
        if not (options.quick or options.no_generation):
            row.tests, row.tests_a_minute = generate(spec, options.budget)
    except AugmentError as error:
        row.said = str(error)
    except subprocess.CalledProcessError as error:
        row.said = f"the pass of generation ended with {error.returncode}"
    return row


def key() -> str:
    return os.environ.get("AUGMENT_API_KEY", "")


def convert_ahead(spec: EngineSpec) -> None:
    """What is done once for all loads is not timed as one of them."""
    if spec.engine not in ("transformers", "vllm"):
        return
    files = locate_files(spec.model)
    if files.format == "gguf" and not is_converted(files, "safetensors"):
        converted(files, "safetensors", python=spec.python)


# ---------------------------------------------------------------------- answers


def code(first: int) -> str:
    """About a thousand tokens of source; another ``first`` gives another text from the beginning on."""
    return "\n".join(
        f"def scale_{n}(value: float) -> float:\n    return value * {n} + {n % 7}\n" for n in range(first, first + 40)
    )


def asked(text: str, tokens: int) -> Request:
    return Request((Message("user", text),), Sampling(temperature=0.0, max_tokens=tokens))


def time_answers(engine: LocalEngine, row: Row, tokens: int) -> None:
    question = "Write pytest tests, as many as you can, for a function that returns the {} of a list of numbers."
    engine.generate([asked("Say yes.", 1)])  # the first token pages the weights in
    row.single = rate(engine, [asked(question.format("median"), tokens)])
    kinds = ("mean", "mode", "sum", "product", "range", "variance", "minimum", "maximum")
    row.at_once = rate(engine, [asked(question.format(kind), tokens) for kind in kinds[:AT_ONCE]])
    row.first_cold_s = first_token(engine, code(1) + "\nWhat does scale_3 return?")
    row.first_shared_s = first_token(engine, code(1) + "\nWhat is scale_9 for?")


def rate(engine: LocalEngine, requests: Sequence[Request]) -> float:
    """Tokens a second of all answers together, prompts included: that is what a user waits for."""
    began = time.monotonic()
    answers = engine.generate(requests)
    return sum(answer.completion_tokens for answer in answers) / (time.monotonic() - began)


def first_token(engine: LocalEngine, text: str) -> float:
    began = time.monotonic()
    pieces = engine.process.submit(asked(text, 8)).deltas(_PIECE_LIMIT_S)
    next(pieces)
    seconds = time.monotonic() - began
    for _ in pieces:
        pass
    return seconds


def resident(pid: int | None) -> int:
    """Memory of the model's process and of what it started."""
    if pid is None:
        return 0
    process = psutil.Process(pid)
    return sum(each.memory_info().rss for each in (process, *process.children(recursive=True)))


# ---------------------------------------------------------------------- generation


def generate(spec: EngineSpec, budget_s: float) -> tuple[int, float]:
    """Tests that the model alone brings in a pass over one small module, and how many that is in a minute."""
    settings = {
        "AUGMENT_MODEL_ENGINE": spec.engine,
        "AUGMENT_MODEL_ENGINE_PYTHON": spec.python,
        "AUGMENT_MODEL_NAME": spec.model,
        "AUGMENT_MODEL_BASE_URL": spec.base_url,
    }
    environ = {**os.environ, **{name: value for name, value in settings.items() if value is not None}}
    with tempfile.TemporaryDirectory(prefix="augment-engines-") as folder:
        work, out = Path(folder) / "work", Path(folder) / "generated.json"
        install(SUBJECT, work)
        command = [sys.executable, "-m", "augment", "generate", str(work), *SUBJECT.files, "--seed", "1"]
        command += ["--budget", str(budget_s), "--json", str(out)]
        for other in _OTHERS:
            command += ["--without", other]
        subprocess.run(command, check=True, env=environ, timeout=_PASS_LIMIT_S, stdout=sys.stderr)
        report = json.loads(out.read_text(encoding="utf-8"))
    return len(report["admitted"]), 60.0 * len(report["admitted"]) / max(report["seconds"], 1.0)


# ---------------------------------------------------------------------- table


def table(rows: Sequence[Row], options: argparse.Namespace) -> str:
    head = (
        "| engine | load s | tokens/s alone | eight at once | first token s, new | same beginning | memory GB | tests "
        "| tests/min |"
    )
    lines = [head, "|---|" + "---:|" * 8]
    for row in rows:
        memory = None if row.memory is None else row.memory / 1e9
        values = (row.load_s, row.single, row.at_once, row.first_cold_s, row.first_shared_s, memory)
        tests = "-" if row.tests is None else str(row.tests)
        cells = [*map(shown, values), tests, shown(row.tests_a_minute)]
        lines.append(f"| {row.engine} | " + " | ".join(cells) + " |")
    said = [f"- `{row.engine}`: {row.said}" for row in rows if row.said]
    what = (
        f"{options.model}, answers of {options.tokens} tokens, rates with the prompts read; the prompt of the first "
        f"token has about 1,000. Tests: what the model alone brings for {SUBJECT.release} in {options.budget:.0f} s."
    )
    return "\n\n".join(filter(None, (what, "\n".join(lines), "\n".join(said))))


def shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}" if value < 10 else f"{value:.0f}"


if __name__ == "__main__":
    sys.exit(main())
