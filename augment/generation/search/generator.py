"""The generator that needs no model: it reads types, guards, examples and literals, and calls the target."""

from __future__ import annotations

import ast
import hashlib
import itertools
import random
from collections.abc import Iterator

from augment.analysis import CallForm, Parameter, ParameterKind, ProjectType, TargetContext, TypeKind
from augment.generation.search.calls import Call, argument_lists, shown
from augment.generation.search.construct import Maker, combine
from augment.generation.search.documented import documented_tests
from augment.generation.search.forms import CONSTRUCTORS, DESCRIPTORS, LEAVING, Forms
from augment.generation.search.guards import read_guards
from augment.generation.search.habits import Habits
from augment.generation.search.prepared import prepared_instances
from augment.generation.search.render import script_modules, test_module, test_name
from augment.generation.search.setting import Setting
from augment.generation.search.surroundings import named_variables, settings_for
from augment.generation.search.values import Value, literal
from augment.records import Candidate, TestKind

MAX_INSTANCES = 6


class SearchGenerator:
    """Proposes calls of the target with inputs worth trying; what they give is left to be observed (``== ...``).

    Inputs come from annotations, defaults, what the guards compare with, calls found in the project, documented
    examples and names. Documented results become tests of their own, with the origin ``doctest``.
    """

    @property
    def name(self) -> str:
        """The name by which the generator is switched off and credited."""
        return "search"

    def propose(self, context: TargetContext, seed: int, limit: int) -> list[Candidate]:
        """At most ``limit`` candidates, the same for the same seed: documented results, then calls."""
        found: dict[str, Candidate] = {}
        for source, origin in itertools.chain(_documented(context), _calls(context, seed, limit)):
            if len(found) >= limit:
                break
            key = ast.dump(_anonymous(source))
            if key not in found:
                found[key] = _candidate(context, source, origin, seed)
        return list(found.values())


def _documented(context: TargetContext) -> Iterator[tuple[str, str]]:
    return ((source, "doctest") for source, _ in documented_tests(context))


def _calls(context: TargetContext, seed: int, limit: int) -> Iterator[tuple[str, str]]:
    """(module, rule) of every call, the most promising first."""
    guards = read_guards(context.source, _names_asked_about(context))
    maker, habits = Maker(context, guards), Habits.of(context)
    rng = random.Random(f"{seed}:{context.target.id}")
    parameters = _called_parameters(context)
    pools = {item.name: _pool(item, maker) for item in parameters}
    for name, variable in named_variables(context).items():
        pools[name] = [literal(variable), *pools.get(name, [])]
    instances = _instances(context, maker, pools)
    if instances is None:
        return
    examples = (*context.example_calls, *(statement.partition("#")[0].strip() for statement, _ in context.doctests))
    taken: set[str] = set()
    yield from ((source, "script") for source in script_modules(context, _script_names(context, taken)))
    chosen = _with_instances(
        itertools.chain(shown(parameters, _calls_of(context, examples)), argument_lists(parameters, pools, rng, limit)),
        instances,
    )
    forms = Forms(context, habits, maker, rng)
    for call, instance, setting in _with_settings(chosen, settings_for(context)):
        for form in forms.of(call, instance):
            name = test_name(context, call, instance, taken, (form.label, setting.label))
            yield test_module(context, habits, call, instance, form, setting, name), call.rule


def _with_settings(
    calls: Iterator[tuple[Call, Value | None]], settings: list[Setting]
) -> Iterator[tuple[Call, Value | None, Setting]]:
    """The first call in every setting, each further one in the settings by turns."""
    for index, (call, instance) in enumerate(calls):
        if not settings:
            yield call, instance, Setting()
        elif index == 0:
            yield from ((call, instance, setting) for setting in settings)
        else:
            yield call, instance, settings[index % len(settings)]


def _script_names(context: TargetContext, taken: set[str]) -> Iterator[str]:
    while True:
        yield test_name(context, Call(()), None, taken, ("as_script",))


def _names_asked_about(context: TargetContext) -> tuple[str, ...]:
    """The parameters of the target, and those of the functions inside it."""
    try:
        inner = (node.arg for node in ast.walk(ast.parse(context.source)) if isinstance(node, ast.arg))
        return tuple(dict.fromkeys([*(item.name for item in context.parameters), *inner]))
    except SyntaxError:
        return tuple(item.name for item in context.parameters)


def _instances(context: TargetContext, maker: Maker, pools: dict[str, list[Value]]) -> list[Value] | None:
    """What a method is called on: [] where nothing is needed, None where nothing can be made."""
    method = context.form in (CallForm.INSTANCE_METHOD, CallForm.PROPERTY)
    is_constructor = context.target.qualname.rpartition(".")[2] in CONSTRUCTORS
    owner = context.owner
    if owner is None or (is_constructor and owner.kind is TypeKind.PLAIN):
        return []
    is_making = is_constructor or context.form is CallForm.CLASS
    if is_making and owner.kind in (TypeKind.ABSTRACT, TypeKind.ENUM):
        return None
    if not method:
        return []
    plain = maker.instances(owner)[:MAX_INSTANCES]
    prepared = list(prepared_instances(context, maker, pools, plain[0])) if plain else []
    return [*prepared, *plain] or None


def _pool(parameter: Parameter, maker: Maker) -> list[Value]:
    """Values of one parameter; for ``*args`` one or two items, for ``**kwargs`` one word."""
    if parameter.kind is ParameterKind.VAR_KEYWORD:
        return [Value("{'extra': 1}", "extra")]
    values = maker.for_parameter(parameter)
    if parameter.kind is not ParameterKind.VAR_POSITIONAL:
        return values
    return [*values[:3], combine(", ".join(value.text for value in values[:2]), values[:2], "two")]


def _with_instances(calls: Iterator[Call], instances: list[Value]) -> Iterator[tuple[Call, Value | None]]:
    """Each call on the first instance; the first calls on the other instances too."""
    if not instances:
        yield from ((call, None) for call in calls)
        return
    first = list(itertools.islice(calls, 3))
    for call in first:
        yield call, instances[0]
    for instance in instances[1:]:
        yield from ((call, instance) for call in first[:1])
    yield from _alternating(calls, instances)


def _alternating(calls: Iterator[Call], instances: list[Value]) -> Iterator[tuple[Call, Value]]:
    """Further calls, on the first instance and on each of the others by turns."""
    others = itertools.cycle(instances[1:] or instances)
    for index, call in enumerate(calls):
        yield call, instances[0] if index % 2 == 0 else next(others)


def _called_parameters(context: TargetContext) -> tuple[Parameter, ...]:
    """The parameters of what the test calls: of the constructor where the target belongs to it."""
    owner: ProjectType | None = context.owner
    name = context.target.qualname.rpartition(".")[2]
    if owner is not None and name in CONSTRUCTORS:
        return owner.parameters
    if name in DESCRIPTORS:
        return tuple(
            item for item in context.parameters if item.name not in ("instance", "owner", "name", "obj", "objtype")
        )
    return () if name in LEAVING else context.parameters


def _calls_of(context: TargetContext, texts: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the expressions that call the target with literals."""
    name = context.call_name.rpartition(".")[2]
    found: list[str] = []
    for text in texts:
        try:
            tree = ast.parse(text)
        except SyntaxError:
            continue
        calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and _is_literal_call(node))
        found += [ast.unparse(node) for node in calls if ast.unparse(node.func).rpartition(".")[2] == name]
    return tuple(dict.fromkeys(found))


def _is_literal_call(node: ast.Call) -> bool:
    try:
        for item in [*node.args, *(word.value for word in node.keywords)]:
            ast.literal_eval(item)
    except (ValueError, TypeError, SyntaxError):
        return False
    return bool(node.args or node.keywords)


def _anonymous(source: str) -> ast.Module:
    """The module with its test's name left out: two tests that differ by name only are one."""
    tree = ast.parse(source)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            node.name = "test"
    return tree


def _candidate(context: TargetContext, source: str, origin: str, seed: int) -> Candidate:
    digest = hashlib.sha256(f"{context.target.id}\0{source}".encode()).hexdigest()[:10]
    return Candidate(
        id=f"cand-{digest}",
        target=context.target.id,
        generator="search",
        kind=TestKind.UNIT,
        source=source,
        origin=origin,
        seed=seed,
        characterization=origin != "doctest",
    )
