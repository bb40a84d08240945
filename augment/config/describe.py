"""Settings as data: names, allowed values and descriptions, for errors, help and the reference page."""

from __future__ import annotations

import types
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
from pydantic import TypeAdapter
from pydantic.fields import FieldInfo as PydanticField

from augment.config.model import SECTIONS

_WORDS = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}


@dataclass(frozen=True, slots=True)
class FieldInfo:
    """One setting. ``allowed`` is a phrase such as ``a number, at least 0 and at most 2``."""

    key: str
    section: str
    name: str
    variable: str
    default: Any
    unit: str
    allowed: str
    description: str
    takes_list: bool
    nullable: bool
    adapter: TypeAdapter[Any]


@cache
def describe_fields() -> dict[str, FieldInfo]:
    """Every setting by its dotted key, in the order of the definitions."""
    return {
        f"{section}.{name}": _describe(section, name, field)
        for section, definition in SECTIONS.items()
        for name, field in definition.model_fields.items()
    }


def _describe(section: str, name: str, field: PydanticField) -> FieldInfo:
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    annotation: Any = field.annotation
    constrained: Any = Annotated[annotation, field]
    core, nullable = _without_none(annotation)
    return FieldInfo(
        key=f"{section}.{name}",
        section=section,
        name=name,
        variable=_variable(section, name),
        default=field.default,
        unit=str(extra.get("unit", "")),
        allowed=str(extra.get("allowed") or _allowed(core, nullable, field.metadata)),
        description=field.description or "",
        takes_list=get_origin(core) is tuple,
        nullable=nullable,
        adapter=TypeAdapter(constrained),
    )


def _variable(section: str, name: str) -> str:
    """The environment variable; only the model's settings carry their section, as `AUGMENT_PATH` says too little."""
    stem = name if section != "model" or name.startswith("model_") else f"model_{name}"
    return f"AUGMENT_{stem.upper()}"


def _without_none(annotation: Any) -> tuple[Any, bool]:
    if get_origin(annotation) in {Union, types.UnionType}:
        rest = [part for part in get_args(annotation) if part is not type(None)]
        if len(rest) == 1:
            return rest[0], True
    return annotation, False


def _choices(annotation: Any) -> list[str]:
    if get_origin(annotation) is Literal:
        return [str(value) for value in get_args(annotation)]
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return [str(member.value) for member in annotation]
    return []


def _allowed(annotation: Any, nullable: bool, metadata: list[Any]) -> str:
    if get_origin(annotation) is tuple:
        phrase = "a list of " + ", ".join(_choices(get_args(annotation)[0]))
    elif choices := _choices(annotation):
        phrase = "one of " + ", ".join(choices)
    else:
        phrase = ", ".join(filter(None, [_WORDS.get(annotation, "a value"), _range(metadata)]))
    return f"{phrase}, or null" if nullable else phrase


def _range(metadata: list[Any]) -> str:
    parts = []
    for mark in metadata:
        match mark:
            case annotated_types.Ge(ge=low):
                parts.append(f"at least {low:g}" if isinstance(low, float) else f"at least {low}")
            case annotated_types.Gt(gt=low):
                parts.append(f"above {low:g}" if isinstance(low, float) else f"above {low}")
            case annotated_types.Le(le=high):
                parts.append(f"at most {high:g}" if isinstance(high, float) else f"at most {high}")
            case _:
                continue
    return " and ".join(parts)
