"""Flows over the modules of a project: its commands, routes, databases, files, and what passes results on."""

from augment.analysis.flows.finder import FlowFinder
from augment.analysis.flows.model import (
    BodyKind,
    Chain,
    CommandFlow,
    CommandLevel,
    CommandOption,
    FileFlow,
    Flow,
    OptionType,
    ParserFlow,
    Replacement,
    RequestField,
    Route,
    RouteFlow,
    Situation,
    StoreFlow,
    StoreHandle,
    WebApplication,
)

__all__ = [
    "BodyKind",
    "Chain",
    "CommandFlow",
    "CommandLevel",
    "CommandOption",
    "FileFlow",
    "Flow",
    "FlowFinder",
    "OptionType",
    "ParserFlow",
    "Replacement",
    "RequestField",
    "Route",
    "RouteFlow",
    "Situation",
    "StoreFlow",
    "StoreHandle",
    "WebApplication",
]
