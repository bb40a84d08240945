"""Source to facts: targets, what changed, which tests a change touches, the context for a prompt. Pure and Ray-free."""

from augment.analysis.model import (
    Callee,
    CallForm,
    Change,
    ChangedBlock,
    ChangeKind,
    FileChange,
    FileState,
    Parameter,
    ParameterKind,
    ProjectChange,
    ProjectType,
    Selection,
    TargetContext,
    TypeKind,
)

__all__ = [
    "CallForm",
    "Callee",
    "Change",
    "ChangeKind",
    "ChangedBlock",
    "FileChange",
    "FileState",
    "Parameter",
    "ParameterKind",
    "ProjectChange",
    "ProjectType",
    "Selection",
    "TargetContext",
    "TypeKind",
]
