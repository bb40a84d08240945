"""Source to facts: targets, what changed, which tests a change touches, the context for a prompt. Pure and Ray-free."""

from augment.analysis.blocks import changed_lines, line_map
from augment.analysis.changes import SourceIndex, changed_targets, compare, users_of_modules
from augment.analysis.context import ContextBuilder, build_context, project_sources
from augment.analysis.explaining import Explanation, explain, scopes_of, why_skipped
from augment.analysis.files import SnapshotCache, Snapshots, list_files, take_snapshot
from augment.analysis.imports import import_graph, importers_of
from augment.analysis.model import (
    Callee,
    CallForm,
    Change,
    ChangedBlock,
    ChangeKind,
    FileChange,
    FileState,
    Outside,
    OutsideUse,
    PackageChange,
    Parameter,
    ParameterKind,
    ProjectChange,
    ProjectType,
    Selection,
    StateUse,
    TargetContext,
    TypeKind,
)
from augment.analysis.packages import Distribution, Environment, differences, modules_touched, read_environment
from augment.analysis.project import discover_project, in_tests, is_test_file, module_of
from augment.analysis.selection import gone_tests, groups_of, select_tests, shift_coverage
from augment.analysis.source import ReadSource, decode_source, read_source
from augment.analysis.targets import diff_targets, project_targets, targets_of

__all__ = [
    "CallForm",
    "Callee",
    "Change",
    "ChangeKind",
    "ChangedBlock",
    "ContextBuilder",
    "Distribution",
    "Environment",
    "Explanation",
    "FileChange",
    "FileState",
    "Outside",
    "OutsideUse",
    "PackageChange",
    "Parameter",
    "ParameterKind",
    "ProjectChange",
    "ProjectType",
    "ReadSource",
    "Selection",
    "SnapshotCache",
    "Snapshots",
    "SourceIndex",
    "StateUse",
    "TargetContext",
    "TypeKind",
    "build_context",
    "changed_lines",
    "changed_targets",
    "compare",
    "decode_source",
    "diff_targets",
    "differences",
    "discover_project",
    "explain",
    "gone_tests",
    "groups_of",
    "import_graph",
    "importers_of",
    "in_tests",
    "is_test_file",
    "line_map",
    "list_files",
    "module_of",
    "modules_touched",
    "project_sources",
    "project_targets",
    "read_environment",
    "read_source",
    "scopes_of",
    "select_tests",
    "shift_coverage",
    "take_snapshot",
    "targets_of",
    "users_of_modules",
    "why_skipped",
]
