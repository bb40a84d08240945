"""Typed settings, where they come from, and the files that hold them.

Order, the strongest first: command-line flags, environment (``AUGMENT_*``), the project's ``[tool.augment]``, the
JSON files of the configuration folder, built-in defaults.
"""

from augment.config.defaults import write_default_config
from augment.config.describe import FieldInfo, describe_fields
from augment.config.load import LoadedSettings, Origin, as_json, load_settings
from augment.config.locate import GENERATOR_FILE, MARKER, MODEL_FILE, find_config_dir
from augment.config.model import GeneratorSettings, ModelSettings, ServiceSettings, Settings

__all__ = [
    "GENERATOR_FILE",
    "MARKER",
    "MODEL_FILE",
    "FieldInfo",
    "GeneratorSettings",
    "LoadedSettings",
    "ModelSettings",
    "Origin",
    "ServiceSettings",
    "Settings",
    "as_json",
    "describe_fields",
    "find_config_dir",
    "load_settings",
    "write_default_config",
]
