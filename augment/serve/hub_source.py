"""A model from a Hugging Face hub, or from a mirror that ``HF_ENDPOINT`` names. Honours ``HF_HUB_OFFLINE``."""

from __future__ import annotations

import fnmatch
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from augment.errors import ModelError
from augment.serve.cache import ModelFile, Progress, record, sha256_of
from augment.serve.catalogue import HubSource
from augment.serve.progress import watched_folder

_OPENVINO = ("*.xml", "*.bin", "*.json", "*.txt", "*.jinja")
_SAFETENSORS = ("*.safetensors", "*.safetensors.index.json", "*.json", "*.txt", "*.jinja", "tokenizer.model")
_TIMEOUT_S = 15.0


@dataclass(frozen=True, slots=True)
class _Listed:
    name: str
    bytes: int
    sha256: str | None


def fetch_hub(source: HubSource, folder: Path, progress: Progress) -> tuple[ModelFile, ...]:
    """Download the files of ``source`` into ``folder`` and return them, verified; a broken download goes on.

    Raises ModelError when the hub cannot be reached, does not know the model, or has no format that an engine reads.
    """
    from huggingface_hub import hf_hub_download

    files = choose_files(source, _listing(source.repo))
    total = sum(file.bytes for file in files)
    try:
        with watched_folder(folder, total, progress, "fetching"):
            for file in files:
                hf_hub_download(source.repo, file.name, local_dir=folder)
    except _network_errors() as error:
        raise ModelError(
            f"Downloading {source.repo} from the hub broke off: {_first_line(error)}. Try again."
        ) from error
    return tuple(_verified(file, folder, source.repo) for file in files)


def _listing(repo: str) -> list[_Listed]:
    from huggingface_hub import HfApi
    from huggingface_hub import errors as hub_errors

    try:
        info = HfApi().model_info(repo, files_metadata=True, timeout=_TIMEOUT_S)
    except hub_errors.RepositoryNotFoundError as error:
        raise ModelError(f"The hub knows no model {repo!r} that you may read.") from error
    except _network_errors() as error:
        raise ModelError(
            f"The model hub cannot be reached for {repo} ({_first_line(error)}); "
            "check the network or HF_ENDPOINT, or give a local folder or GGUF file with --source PATH."
        ) from error
    siblings = info.siblings or []
    return [_Listed(each.rfilename, each.size or 0, each.lfs.sha256 if each.lfs else None) for each in siblings]


def _network_errors() -> tuple[type[Exception], ...]:
    """What a hub that cannot be reached raises.

    The hub's client lets errors of its HTTP library through, and that library (requests, httpx, httpx2) differs from
    version to version; so it is looked up from the session that is in use.
    """
    from huggingface_hub import errors, get_session

    found: list[type[Exception]] = [errors.HfHubHTTPError, errors.OfflineModeIsEnabled, errors.LocalEntryNotFoundError]
    for base in type(get_session()).__mro__:
        library = sys.modules.get(base.__module__.partition(".")[0])
        for name in ("HTTPError", "RequestException"):
            error = getattr(library, name, None)
            if isinstance(error, type) and issubclass(error, Exception):
                found.append(error)
    return (*found, OSError)


def choose_files(source: HubSource, listed: Sequence[_Listed]) -> list[_Listed]:
    """The files to fetch: those of the patterns, or without patterns an OpenVINO model, or the best single GGUF file,
    or the safetensors.

    Raises ModelError when there are none.
    """
    if source.patterns:
        chosen = [file for file in listed if any(fnmatch.fnmatch(file.name, each) for each in source.patterns)]
    elif any(file.name == "openvino_model.xml" for file in listed):
        chosen = [file for file in listed if any(fnmatch.fnmatch(file.name, each) for each in _OPENVINO)]
    else:
        chosen = _best_gguf(listed) or _safetensors(listed)
    if not chosen:
        raise ModelError(
            f"{source.repo} offers no OpenVINO model, no GGUF file and no safetensors, which the engines read; "
            f"look for {source.repo}-GGUF."
        )
    return chosen


def _best_gguf(listed: Sequence[_Listed]) -> list[_Listed]:
    # Split files are left aside: OpenVINO reads single ones. Q4_K_M loses little and is half the size of Q8_0.
    single = [file for file in listed if file.name.endswith(".gguf") and not re.search(r"-\d+-of-\d+", file.name)]
    for wanted in ("q4_k_m", "q4_0", "q8_0", "f16"):
        matching = [file for file in single if wanted in file.name.lower()]
        if matching:
            return matching[:1]
    return []


def _safetensors(listed: Sequence[_Listed]) -> list[_Listed]:
    if not any(file.name.endswith(".safetensors") for file in listed):
        return []
    # Other forms of the same weights lie in folders of their own.
    top = [file for file in listed if "/" not in file.name]
    return [file for file in top if any(fnmatch.fnmatch(file.name, each) for each in _SAFETENSORS)]


def in_hub_cache(repo: str) -> Path | None:
    """The newest snapshot of ``repo`` that others have put into the hub's own cache, if it holds safetensors."""
    home = Path(os.environ.get("HF_HOME") or "~/.cache/huggingface").expanduser()
    folder = Path(os.environ.get("HF_HUB_CACHE") or home / "hub") / f"models--{repo.replace('/', '--')}"
    try:
        revision = (folder / "refs" / "main").read_text(encoding="utf-8").strip()
    except OSError:
        return None
    snapshot = folder / "snapshots" / revision
    return snapshot if holds_safetensors(snapshot) else None


def holds_safetensors(folder: Path) -> bool:
    """Whether ``folder`` is a model in safetensors with its configuration."""
    return (folder / "config.json").is_file() and any(folder.glob("*.safetensors"))


def _verified(file: _Listed, folder: Path, repo: str) -> ModelFile:
    path = folder / file.name
    digest = sha256_of(path)
    if file.sha256 is not None and digest != file.sha256:
        path.unlink()
        raise ModelError(f"{file.name} of {repo} arrived with another SHA-256 than the hub says; fetch again.")
    return record(path, folder, digest)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
