"""Whether a JSON schema is one: looked at before an engine gets it, as a bad one may cost everybody in the batch."""

from __future__ import annotations

import jsonschema  # type: ignore[import-untyped]

from augment.seams import Sampling


def schema_trouble(sampling: Sampling) -> str:
    """What is wrong with the JSON schema that the answer is to follow, or ""."""
    if sampling.json_schema is None:
        return ""
    try:
        jsonschema.Draft202012Validator.check_schema(dict(sampling.json_schema))
    except jsonschema.SchemaError as error:
        return f"the JSON schema is not valid: {error.message}"
    return ""
