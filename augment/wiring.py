"""From settings to what the parts take: said once for launch and for the commands."""

from __future__ import annotations

import os

from augment.cluster import ModelNeed
from augment.config import GeneratorSettings, ModelSettings
from augment.generation import GenerationSettings
from augment.seams import Limits
from augment.serve import EngineSpec, find_model, locate_model
from augment.service import ControlPolicy, FlakinessPolicy, LivingPolicy

CHARACTERS_PER_TOKEN = 4
"""Of source code, roughly; prompts are measured in characters, as counting tokens would need the model."""


def engine_spec(model: ModelSettings) -> EngineSpec | None:
    """What to load; None where the settings switch the model off. Raises ModelError when its file is not there."""
    if not model.enabled:
        return None
    if model.engine == "openai":
        return _remote(model)
    locate_model(model.model_name, model.path)
    return EngineSpec(
        model=model.model_name,
        engine=model.engine,
        source=model.source,
        path=model.path,
        threads=model.threads,
        kv_cache_gb=model.kv_cache_gb,
        max_ongoing=model.max_ongoing,
        max_queued=model.max_queued,
        num_gpus=model.num_gpus,
    )


def model_need(spec: EngineSpec | None) -> ModelNeed | None:
    """What a node must have for the model; None where nothing is loaded."""
    if spec is None or spec.engine == "openai":
        return None
    return ModelNeed(spec.model, find_model(spec.path or spec.model).memory_bytes, spec.num_gpus)


def _remote(model: ModelSettings) -> EngineSpec:
    """A server elsewhere: nothing is loaded here, so nothing steps back for others either."""
    return EngineSpec(
        model=model.model_name,
        engine=model.engine,
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
