"""What the warm process works out once, so that the batches it forks need not: nothing here depends on the project.

Measured on one boltons test, from order to verdict (CPU time of the child): see :func:`warm_up`.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import inspect
import pathlib
import sys
import types
from collections.abc import Iterator
from typing import Any


class WarmPytest:
    """A pytest configuration that is set up as far as it goes without arguments, what distributions say, and which
    plugins hold fixtures.

    Used for the first round of a batch. :meth:`install` puts it in place; :meth:`remove_early` before code of the
    project runs and :meth:`remove` before collection take it away again: tests find everything as it was. Each part
    steps aside where pytest or the import system is not what it was written for.
    """

    def __init__(self, search: FixtureSearch) -> None:
        self._search = search
        self._pytest = importlib.import_module("_pytest.config")
        self._get_config = getattr(self._pytest, "get_config", None)
        self._config = _early_config(self._get_config)
        self._distributions = importlib.metadata.distributions
        self._known = _distributions_by_entry(sys.path)

    def install(self) -> None:
        """Have the next pytest use what is ready."""
        self._search.install()
        if self._config is not None:
            self._pytest.get_config = self._give_config  # type: ignore[attr-defined]
        if _only_standard_finders():
            importlib.metadata.distributions = self._give_distributions

    def remove(self) -> None:
        """Leave everything as it was. Idempotent."""
        self._search.remove()
        self.remove_early()

    def remove_early(self) -> None:
        """Leave all as it was that has served once pytest is configured."""
        if self._get_config is not None:
            self._pytest.get_config = self._get_config  # type: ignore[attr-defined]
        importlib.metadata.distributions = self._distributions

    def _give_config(self, args: Any = None, plugins: Any = None, **more: Any) -> Any:
        self._pytest.get_config = self._get_config  # type: ignore[attr-defined]
        config, self._config = self._config, None
        if config is None or set(more) - {"prog"} or not _only_excludes_others(self._pytest, args or ()):
            return self._get_config(args, plugins, **more)  # type: ignore[misc]
        kind = type(config.invocation_params)
        config.invocation_params = kind(args=args or (), plugins=plugins, dir=pathlib.Path.cwd())
        if args:
            config.pluginmanager.consider_preparse(args, exclude_only=True)
        return config

    def _give_distributions(self, **more: Any) -> Iterator[Any]:
        if more:
            yield from self._distributions(**more)
            return
        for entry in sys.path:
            if entry in self._known:
                yield from self._known[entry]
            else:
                yield from self._distributions(path=[entry])


class FixtureSearch:
    """Which plugins hold no fixtures: pytest looks at every name of every plugin in each run (25 of 150 ms).

    :meth:`watch` is around the empty run; from then on :meth:`install` has pytest pass over modules in which that run
    found nothing.
    """

    def __init__(self) -> None:
        fixtures = importlib.import_module("_pytest.fixtures")
        self._manager = getattr(fixtures, "FixtureManager", None)
        self._parse = getattr(self._manager, "parsefactories", None)
        self._barren: dict[int, Any] = {}
        """By identity; held, so that an identity stays what it is."""

    @contextlib.contextmanager
    def watch(self) -> Iterator[None]:
        """Learn from what pytest does meanwhile."""
        search = self

        def parse(manager: Any, *args: Any, **more: Any) -> Any:
            before = _known_fixtures(manager)
            result = search._parse(manager, *args, **more)  # type: ignore[misc]
            holder = _holder(args, more)
            if before is not None and before == _known_fixtures(manager) and isinstance(holder, types.ModuleType):
                search._barren[id(holder)] = holder
            return result

        self._put(parse)
        try:
            yield
        finally:
            self.remove()

    def install(self) -> None:
        """Pass over what holds none."""
        search = self

        def parse(manager: Any, *args: Any, **more: Any) -> Any:
            if id(_holder(args, more)) not in search._barren:
                return search._parse(manager, *args, **more)  # type: ignore[misc]
            return None

        self._put(parse)

    def remove(self) -> None:
        """Leave everything as it was. Idempotent."""
        self._put(self._parse)

    def _put(self, parse: Any) -> None:
        if self._parse is not None:
            self._manager.parsefactories = parse  # type: ignore[union-attr]


def _holder(args: Any, more: Any) -> Any:
    return more.get("holder", args[0] if args else None)


def _known_fixtures(manager: Any) -> int | None:
    """How many fixtures a manager knows; None where this pytest keeps them in another way."""
    places = ("_arg2fixturedefs", "_arg2node2fixturedefs", "_arg2nodeid2fixturedefs")
    kept = [getattr(manager, place) for place in places if hasattr(manager, place)]
    return sum(map(_leaves, kept)) if kept else None


def _leaves(kept: Any) -> int:
    return sum(map(_leaves, kept.values())) if isinstance(kept, dict) else len(kept)


def _early_config(get_config: Any) -> Any:
    """The configuration before it knows its arguments (33 of 270 ms), None where pytest makes it some other way."""
    try:
        known = set(inspect.signature(get_config).parameters)
    except (TypeError, ValueError):
        return None
    if known == {"args", "plugins"}:
        return get_config([], None)
    if known == {"args", "plugins", "prog"}:
        return get_config([], None, prog="pytest.main()")
    return None


def _only_excludes_others(pytest_config: Any, args: Any) -> bool:
    """Whether all that is said of plugins is to leave out some that are not pytest's own, which are there already."""
    words = [str(argument) for argument in args]
    own = getattr(pytest_config, "default_plugins", ())
    for position, word in enumerate(words):
        if not word.startswith("-p"):
            continue
        name = word[2:] or " ".join(words[position + 1 : position + 2])
        if not name.strip().startswith("no:") or name.strip()[3:] in own:
            return False
    return True


# ------------------------------------------------------------------------ distributions


class _Remembered(importlib.metadata.PathDistribution):
    """A distribution that reads its files once: pytest asks each twice for its entry points (37 of 270 ms)."""

    def _once(self, name: str) -> Any:
        kept = self.__dict__.setdefault("_augment_kept", {})
        if name not in kept:
            kept[name] = getattr(super(), name)
        return kept[name]

    @property
    def entry_points(self) -> Any:
        """As told by entry_points.txt."""
        return self._once("entry_points")

    @property
    def files(self) -> Any:
        """As told by RECORD."""
        return self._once("files")

    @property
    def metadata(self) -> Any:
        """As told by METADATA."""
        return self._once("metadata")


def _distributions_by_entry(path: list[str]) -> dict[str, list[Any]]:
    """Distributions of each folder on the path; what plugins among them say of themselves is read already."""
    found = {}
    for entry in path:
        found[entry] = list(importlib.metadata.distributions(path=[entry]))
        for distribution in found[entry]:
            if type(distribution) is importlib.metadata.PathDistribution:
                distribution.__class__ = _Remembered
            if any(point.group == "pytest11" for point in distribution.entry_points):
                _ = (distribution.files, distribution.metadata)
    return found


def _only_standard_finders() -> bool:
    finders = [finder for finder in sys.meta_path if hasattr(finder, "find_distributions")]
    names = {getattr(finder, "__name__", type(finder).__name__) for finder in finders}
    return names <= {"PathFinder"}
