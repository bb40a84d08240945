"""From settings to what the parts take: said once for launch and for the commands."""

from __future__ import annotations

import os

from augment.cluster import ModelNeed
from augment.config import GeneratorSettings, ModelSettings
from augment.errors import ModelError
from augment.generation import GenerationSettings
from augment.seams import Limits
from augment.serve import EngineSpec, detect_hardware, locate_files
from augment.serve.choice import AUTO, Choice, choose_engine
from augment.serve.extras import installed_engines, missing_line, missing_modules
from augment.serve.memory import foreseen
from augment.service import ControlPolicy, FlakinessPolicy, LivingPolicy

CHARACTERS_PER_TOKEN = 4
"""Of source code, roughly; prompts are measured in characters, as counting tokens would need the model."""


def uses_server(model: ModelSettings) -> bool:
    """Whether the model of the settings runs elsewhere, behind an address."""
    return model.engine == "openai" or (model.engine == AUTO and model.base_url is not None)


def engine_choice(model: ModelSettings) -> Choice:
    """Which engine runs the model of the settings on this machine, and why.

    Raises ModelError when the model's files are not there, or no engine that is installed reads them.
    """
    model_format = "" if uses_server(model) else locate_files(model.model_name, path=model.path).format
    return choose_engine(
        detect_hardware(),
        installed_engines(model.engine_python),
        model.engine,
        base_url=model.base_url,
        num_gpus=model.num_gpus,
        model_format=model_format,
    )


def engine_spec(model: ModelSettings) -> EngineSpec | None:
    """What to load; None where the settings switch the model off.

    Raises ModelError when its file is not there, or what its engine needs is not installed.
    """
    if not model.enabled:
        return None
    choice = engine_choice(model)
    if choice.engine == "openai":
        return _remote(model)
    missing = missing_modules(choice.engine) if model.engine_python is None else []
    if missing:
        raise ModelError(missing_line(choice.engine, missing))
    return EngineSpec(
        model=model.model_name,
        engine=choice.engine,
        source=model.source,
        path=model.path,
        threads=model.threads,
        kv_cache_gb=model.kv_cache_gb,
        max_ongoing=model.max_ongoing,
        max_queued=model.max_queued,
        num_gpus=choice.num_gpus,
        python=model.engine_python,
    )


def model_need(spec: EngineSpec | None) -> ModelNeed | None:
    """What a node must have for the model; None where nothing is loaded. On a GPU it takes the GPU's memory."""
    if spec is None or spec.engine == "openai":
        return None
    return ModelNeed(spec.model, 0 if spec.num_gpus else foreseen(spec).total, spec.num_gpus)


def _remote(model: ModelSettings) -> EngineSpec:
    """A server elsewhere: nothing is loaded here, so nothing steps back for others either."""
    return EngineSpec(
        model=model.model_name,
        engine="openai",
        max_ongoing=model.max_ongoing,
        max_queued=model.max_queued,
        nice=0,
        base_url=model.base_url,
        key=os.environ.get(model.api_key_variable, ""),
    )


def generation_settings(wanted: GeneratorSettings) -> GenerationSettings:
    """How a pass proposes, judges and keeps. Without a seed in the settings a new one is drawn."""
    return GenerationSettings(
        kinds=wanted.test_types,
        generators=wanted.generators,
        temperature=wanted.temperature,
        max_length=wanted.max_length,
        samples=wanted.samples,
        prompt_chars=wanted.max_prompt_tokens * CHARACTERS_PER_TOKEN,
        output=wanted.output_dir,
        merge=wanted.merge,
        accept=wanted.accept,
        budget_s_per_module=wanted.budget_seconds_per_module,
        seed=wanted.seed if wanted.seed is not None else int.from_bytes(os.urandom(3), "big"),
    )


def flakiness_policy(wanted: GeneratorSettings) -> FlakinessPolicy | None:
    """When a test is flaky and for how long it is muted; None where the settings switch the reruns off."""
    if not wanted.flaky_reruns:
        return None
    return FlakinessPolicy(threshold=wanted.flaky_threshold, mute_days=wanted.flaky_mute_days)


def living_policy(wanted: GeneratorSettings) -> LivingPolicy:
    """Where kept tests lie, and whether stale ones are ever re-pinned unasked."""
    return LivingPolicy(wanted.output_dir, wanted.repin_after_minutes)


def control_policy(wanted: GeneratorSettings) -> ControlPolicy:
    """How many deselected tests run as controls."""
    return ControlPolicy(wanted.control_tests, wanted.control_seconds, wanted.seed or 0)


def suite_limits(wanted: GeneratorSettings) -> Limits:
    """What a batch of the user's own tests may use."""
    return Limits(
        wall_s=wanted.batch_timeout_s,
        test_s=wanted.test_timeout_s,
        memory_bytes=wanted.batch_memory_mb * 2**20,
    )
