"""The model: catalogue, fetch, engines. Nothing here needs Ray; the Ray Serve app is :mod:`augment.serve.app`."""

from augment.serve.cache import ModelFile, ModelFiles, Progress, cached, models_root
from augment.serve.catalogue import TIERS, ModelEntry, catalogue, default_model, find_model
from augment.serve.engine import ENGINES, Delta, EngineCore, EngineSpec
from augment.serve.engine_process import EngineProcess, EngineState, Handle
from augment.serve.fetch import check_room, fetch_model, locate_files, locate_model, requirements, verify_model
from augment.serve.hardware import Hardware, choose_tier, detect_hardware
from augment.serve.local import LocalEngine, load_engine

__all__ = [
    "ENGINES",
    "TIERS",
    "Delta",
    "EngineCore",
    "EngineProcess",
    "EngineSpec",
    "EngineState",
    "Handle",
    "Hardware",
    "LocalEngine",
    "ModelEntry",
    "ModelFile",
    "ModelFiles",
    "Progress",
    "cached",
    "catalogue",
    "check_room",
    "choose_tier",
    "default_model",
    "detect_hardware",
    "fetch_model",
    "find_model",
    "load_engine",
    "locate_files",
    "locate_model",
    "models_root",
    "requirements",
    "verify_model",
]
