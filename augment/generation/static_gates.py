"""Gates that read a candidate without running it. Each returns why it turns a candidate away, or None."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Protocol

from augment.generation.syntax import (
    FunctionNode,
    dotted,
    import_bindings,
    is_literal,
    loaded_names,
    own_statements,
    parameter_names,
    single_test,
)
from augment.records import Candidate

if TYPE_CHECKING:
    from augment.analysis import TargetContext

_HARMLESS_CALLS = frozenset(
    {"re.compile", "namedtuple", "collections.namedtuple", "TypeVar", "typing.TypeVar", "Decimal", "date", "timedelta"}
    | {"datetime", "datetime.datetime", "datetime.date", "datetime.timedelta", "Path", "dict", "list", "set", "tuple"}
    | {"frozenset", "range", "object", "str", "int", "float", "bytes", "settings", "given", "example", "dataclass"}
)
_HARMLESS_PREFIXES = ("pytest.", "st.", "strategies.", "hypothesis.", "decimal.", "datetime.", "dataclasses.")
_DANGEROUS_CALLS = frozenset(
    {"exec", "eval", "input", "breakpoint", "exit", "quit", "sys.exit", "os._exit", "os.kill", "os.system", "os.fork"}
    | {"os.remove", "os.unlink", "os.rmdir", "os.removedirs", "os.rename", "os.chdir", "shutil.rmtree", "shutil.move"}
    | {"os.popen", "os.abort", "os.execv", "pytest.main", "unittest.main", "pytest.skip", "pytest.exit", "pytest.fail"}
)
_DANGEROUS_MODULES = frozenset({"subprocess", "socket", "requests", "urllib", "httpx", "ctypes", "multiprocessing"})


_EFFECT_FIXTURES = frozenset({"capsys", "capfd", "caplog", "tmp_path", "tmpdir"})


class StaticGate(Protocol):
    """A gate that needs nothing but the text of the candidate."""

    @property
    def name(self) -> str:
        """The stable name that rejections carry."""

    def objection(self, candidate: Candidate, context: TargetContext) -> str | None:
        """Why the candidate is turned away; None when it may go on."""


class Parses:
    """One test function in Python that compiles."""

    name = "parses"

    def objection(self, candidate: Candidate, context: TargetContext) -> str | None:
        """A syntax error, or not exactly one test."""
        try:
            tree = ast.parse(candidate.source)
            compile(tree, "<candidate>", "exec")
        except (SyntaxError, ValueError, RecursionError) as error:
            return str(error)
        return None if single_test(tree) is not None else "not exactly one test function"


class Harmless:
    """Nothing happens on import, and nothing in the test ends processes, deletes, or talks to a network."""

    name = "harmless"

    def objection(self, candidate: Candidate, context: TargetContext) -> str | None:
        """The first thing found that a test has no business doing."""
        tree = ast.parse(candidate.source)
        for node in tree.body:
            objection = _import_time_objection(node)
            if objection:
                return objection
        calls = (dotted(item.func) for item in ast.walk(tree) if isinstance(item, ast.Call))
        found = next((call for call in calls if call in _DANGEROUS_CALLS), None)
        if found:
            return f"calls {found}"
        modules = {alias for item in ast.walk(tree) for alias in _imported_modules(item)} & _DANGEROUS_MODULES
        used = modules - {name.split(".", maxsplit=1)[0] for line in context.imports for name in line.split()[1:2]}
        return f"imports {', '.join(sorted(used))}" if used else None


class Asserts:
    """The test asserts something that derives from project code and is not its own input."""

    name = "asserts"

    def objection(self, candidate: Candidate, context: TargetContext) -> str | None:
        """What is missing."""
        tree = ast.parse(candidate.source)
        function = single_test(tree)
        if function is None:
            return "no test"
        flow = _Flow(tree, function, context)
        claims = [claim for claim in flow.claims() if claim]
        if not claims:
            return "asserts nothing"
        if "behaviour" in claims:
            return None
        return "asserts only " + ", ".join(sorted(set(claims)))


STATIC_GATES: tuple[StaticGate, ...] = (Parses(), Harmless(), Asserts())


def _import_time_objection(node: ast.stmt) -> str | None:
    if isinstance(node, ast.Import | ast.ImportFrom | FunctionNode):
        return None
    if isinstance(node, ast.ClassDef):
        return next((text for item in node.body if (text := _import_time_objection(item))), None)
    if isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
        return None
    if not isinstance(node, ast.Assign | ast.AnnAssign):
        return f"{type(node).__name__} at module level"
    for call in (item for item in ast.walk(node) if isinstance(item, ast.Call)):
        name = dotted(call.func)
        if name not in _HARMLESS_CALLS and not name.startswith(_HARMLESS_PREFIXES):
            return f"calls {name or 'something'} at module level"
    return None


def _imported_modules(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name.split(".")[0] for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module:
        return [node.module.split(".")[0]]
    return []


class _Flow:
    """Follows values from project code through a test, in the order of its statements."""

    def __init__(self, tree: ast.Module, function: FunctionNode, context: TargetContext) -> None:
        project = {module.split(".")[0] for modules in context.project_names.values() for module in modules}
        project.add(context.target.module.split(".")[0])
        self._function = function
        self._code = _names_from(tree, project) | (set(parameter_names(function)) & set(context.fixtures))
        if _runs_module(function, project):
            self._code.add("runpy")
        self._code |= _drawn_from(function, self._code)
        self._derived = set(self._code)
        self._effects = _places_of_effects(function)
        self._made: dict[str, ast.Call] = {}

    def claims(self) -> list[str]:
        """For each assertion, in a word, what it is about: ``behaviour``, or something that does not count."""
        found: list[str] = []
        body = list(self._function.body)
        for statement in own_statements(_with_inner(body)):
            self._follow(statement)
            if isinstance(statement, ast.Assert):
                found.append(self._claim(statement.test))
            elif isinstance(statement, ast.With | ast.AsyncWith):
                found.append(self._raises_claim(statement))
        return found

    def _follow(self, statement: ast.stmt) -> None:
        self._derived |= self._traces(statement)
        value = getattr(statement, "value", None)
        if isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign) and isinstance(value, ast.expr):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            names = {item.id for target in targets for item in ast.walk(target) if isinstance(item, ast.Name)}
            if loaded_names(value) & self._derived:
                self._derived |= names
                if isinstance(value, ast.Call) and len(names) == 1:
                    self._made[names.pop()] = value
        elif isinstance(statement, ast.For) and loaded_names(statement.iter) & self._derived:
            self._derived |= {item.id for item in ast.walk(statement.target) if isinstance(item, ast.Name)}
        elif isinstance(statement, ast.With | ast.AsyncWith):
            self._follow_with(statement)
        elif isinstance(statement, ast.Expr) and loaded_names(statement) & self._derived:
            # A call may change what it is given: ``fill(basket)`` makes the basket worth asserting on.
            self._derived |= {arg.id for arg in _arguments(statement.value) if isinstance(arg, ast.Name)}

    def _traces(self, statement: ast.stmt) -> set[str]:
        """Names of what project code that is called in the statement may have changed: its arguments, and the world."""
        if isinstance(statement, FunctionNode | ast.ClassDef):
            return set()
        calls = [item for item in ast.walk(statement) if isinstance(item, ast.Call) and loaded_names(item) & self._code]
        given = {arg.id for call in calls for arg in _arguments(call) if isinstance(arg, ast.Name)}
        sets = isinstance(statement, ast.Assign | ast.Delete | ast.AugAssign) and loaded_names(statement) & self._code
        return given | self._effects if calls or sets else set()

    def _follow_with(self, statement: ast.With | ast.AsyncWith) -> None:
        for item in statement.items:
            raises = dotted(getattr(item.context_expr, "func", item.context_expr)).endswith("raises")
            if isinstance(item.optional_vars, ast.Name) and (raises or loaded_names(item.context_expr) & self._derived):
                self._derived.add(item.optional_vars.id)

    def _claim(self, test: ast.expr) -> str:
        if not loaded_names(test) & self._derived:
            return "constants"
        subject = _not_none_subject(test)
        if subject is not None and (isinstance(subject, ast.Name) or self._is_construction(subject)):
            return "that a value is not None"
        if isinstance(test, ast.Call) and dotted(test.func) == "isinstance" and self._is_own_type(test):
            return "the type of an object that it made"
        return "its own input" if self._repeats_input(test) else "behaviour"

    def _is_construction(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Call) and dotted(node.func)[:1].isupper()

    def _is_own_type(self, test: ast.Call) -> bool:
        if len(test.args) != 2 or not isinstance(test.args[0], ast.Name):
            return False
        made = self._made.get(test.args[0].id)
        return made is not None and dotted(made.func) == dotted(test.args[1])

    def _repeats_input(self, test: ast.expr) -> bool:
        """``Cart(owner="a").owner == "a"``: the attribute is what was passed a moment before."""
        if not isinstance(test, ast.Compare) or len(test.ops) != 1 or not isinstance(test.ops[0], ast.Eq | ast.Is):
            return False
        sides = [test.left, test.comparators[0]]
        attribute = next((side for side in sides if isinstance(side, ast.Attribute)), None)
        literal = next((side for side in sides if is_literal(side)), None)
        if attribute is None or literal is None or not isinstance(attribute.value, ast.Name):
            return False
        made = self._made.get(attribute.value.id)
        if made is None or not dotted(made.func).rsplit(".", 1)[-1][:1].isupper():
            return False
        return any(ast.dump(passed) == ast.dump(literal) for passed in _arguments(made))

    def _raises_claim(self, statement: ast.With | ast.AsyncWith) -> str:
        call = statement.items[0].context_expr
        if not isinstance(call, ast.Call) or not dotted(call.func).endswith("raises"):
            return ""
        too_wide = bool(call.args) and dotted(call.args[0]) in ("Exception", "BaseException")
        if too_wide and not call.keywords:
            return "that anything is raised"
        used = set().union(*(loaded_names(item) for item in statement.body))
        return "behaviour" if used & self._derived else "constants"


def _places_of_effects(function: FunctionNode) -> set[str]:
    """Where a call leaves its traces: captured output, the temporary folder, and what stand-ins in the test note down.

    Names that are set inside ``with`` and ``try`` blocks tell how far the block went.
    """
    found = set(parameter_names(function)) & _EFFECT_FIXTURES
    for item in ast.walk(function):
        if isinstance(item, ast.Attribute) and item.attr == "append" and isinstance(item.value, ast.Name):
            found.add(item.value.id)
        elif isinstance(item, ast.With | ast.Try):
            inner = (part for part in own_statements(item.body) if isinstance(part, ast.Assign))
            found |= {target.id for part in inner for target in part.targets if isinstance(target, ast.Name)}
    return found


def _runs_module(function: FunctionNode, project: set[str]) -> bool:
    """Whether the test runs a module of the project as a script."""
    calls = (item for item in ast.walk(function) if isinstance(item, ast.Call))
    runs = (call for call in calls if dotted(call.func) in ("runpy.run_module", "runpy.run_path") and call.args)
    modules = (call.args[0].value for call in runs if isinstance(call.args[0], ast.Constant))
    return any(isinstance(module, str) and module.split(".")[0] in project for module in modules)


def _with_inner(body: list[ast.stmt]) -> list[ast.stmt]:
    """The statements of inner functions too: asynchronous tests run one."""
    inner = [item for statement in body if isinstance(statement, FunctionNode) for item in statement.body]
    return [*inner, *body]


def _names_from(tree: ast.Module, project: set[str]) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {
                alias.asname or alias.name.split(".")[0] for alias in node.names if alias.name.split(".")[0] in project
            }
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in project:
            names |= set(import_bindings(node))
    grew = True
    while grew:  # helpers and subclasses defined beside the test or inside it carry project code on
        carriers = {
            node.name
            for node in ast.walk(tree)
            if isinstance(node, FunctionNode | ast.ClassDef) and loaded_names(node) & names
        }
        grew = not carriers <= names
        names |= carriers
    return names


def _drawn_from(function: FunctionNode, names: set[str]) -> set[str]:
    """The arguments that Hypothesis draws from project code: ``@given(cart=st.builds(Cart))``."""
    calls = [item for item in function.decorator_list if isinstance(item, ast.Call) and dotted(item.func) == "given"]
    return {word.arg for call in calls for word in call.keywords if word.arg and loaded_names(word.value) & names}


def _not_none_subject(test: ast.expr) -> ast.expr | None:
    if isinstance(test, ast.Name):
        return test
    if isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.IsNot):
        right = test.comparators[0]
        return test.left if isinstance(right, ast.Constant) and right.value is None else None
    return None


def _arguments(node: ast.expr) -> list[ast.expr]:
    if isinstance(node, ast.Await):
        node = node.value
    return [*node.args, *(word.value for word in node.keywords)] if isinstance(node, ast.Call) else []
