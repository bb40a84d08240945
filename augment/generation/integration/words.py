"""Command lines: the words that a program is called with, from the options that it declares."""

from __future__ import annotations

import ast
import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from augment.analysis import CommandLevel, CommandOption, OptionType, Parameter, Situation, TargetContext
from augment.generation.integration.making import FlowMaker
from augment.generation.search.values import Value, label_of, samples_for, type_by_name, unique

_ANNOTATIONS = {OptionType.TEXT: "str", OptionType.INTEGER: "int", OptionType.NUMBER: "float"}
_OUTPUTS = ("out", "db", "database", "dest", "target", "log", "cache", "store")
_COLUMN = re.compile(r"(^|_)(column|field|key|header)s?($|_)")
_VALUES = 4
_TEXT = "one two\nthree\n"


@dataclass(frozen=True, slots=True)
class Words:
    """A list of words as an expression, with its needs, and what sets it apart."""

    value: Value
    label: str = ""


class CommandLines:
    """Writes the command lines of one command, in a situation that says which keys and words its code knows."""

    def __init__(self, context: TargetContext, situation: Situation) -> None:
        self._context, self._keys, self._words = context, situation.keys, situation.words
        self._maker = FlowMaker(context)

    def of(self, levels: tuple[CommandLevel, ...]) -> Iterator[Words]:
        """What is required; then each option in turn with each value that says something else than its default; then
        other values of what is required; then two options at once."""
        self._learn(levels)
        yield self._line(levels, {}, "")
        asked = [(index, item) for index, level in enumerate(levels) for item in level.options]
        optional = [(index, item) for index, item in asked if not item.required]
        for index, option in optional:
            for value in self._telling(option):
                yield self._line(levels, {(index, option.name): value}, f"{option.name}_{value.label}")
        for index, option in asked:
            for value in self._given(option)[1:] if option.required else ():
                yield self._line(levels, {(index, option.name): value}, f"{value.label}_{option.name}")
        own = [(index, item) for index, item in optional if index == len(levels) - 1]
        for pair in itertools.pairwise(own):
            chosen = {(index, item.name): values[0] for index, item in pair if (values := self._telling(item))}
            yield self._line(levels, chosen, f"{pair[0][1].name}_and_{pair[1][1].name}")

    def _learn(self, levels: tuple[CommandLevel, ...]) -> None:
        """Take the words of the command line out of those that its code knows, and the columns that it names in."""
        options = [item for level in levels for item in level.options]
        own = {level.word for level in levels} | {choice for item in options for choice in item.choices}
        self._words = tuple(word for word in self._words if word not in own)
        columns = [_literal(item.default or "") for item in options if _COLUMN.search(item.name)]
        named = (name for name in columns if isinstance(name, str) and name.isidentifier())
        self._keys = tuple(dict.fromkeys((*self._keys, *named)))

    def _telling(self, option: CommandOption) -> list[Value]:
        """The values of an option worth a test of their own: all choices, else two, none that is the default anyway."""
        default = _literal(option.default or "")
        values = [value for value in self._given(option) if default is None or repr(str(default)) not in value.text]
        return values if option.choices else values[:2]

    def _line(self, levels: tuple[CommandLevel, ...], chosen: dict[tuple[int, str], Value], label: str) -> Words:
        texts: list[str] = []
        needs: list[Value] = []
        for index, level in enumerate(levels):
            texts += [repr(level.word)] if level.word else []
            named = [item for item in level.options if item.flag]
            placed = [item for item in level.options if not item.flag]
            for option in (*placed, *named) if index == len(levels) - 1 else (*named, *placed):
                value = chosen.get((index, option.name))
                if value is None and option.required:
                    value = next(iter(self._given(option)), None)
                if value is not None:
                    texts.append(value.text)
                    needs.append(value)
        return Words(_listed(texts, needs), label.strip("_"))

    def _given(self, option: CommandOption) -> list[Value]:
        """An option with each of its values, as the words between the commas of the list."""
        if option.type is OptionType.FLAG:
            return [
                Value(repr(flag), "" if flag == option.flag else "off") for flag in (option.flag, option.off) if flag
            ]
        values = self._values(option)
        count = max(option.count, 1)
        found = []
        for value in values:
            texts = [value.text] * count if count > 1 or not option.multiple or option.flag else [value.text]
            head = [repr(option.flag)] if option.flag else []
            found.append(Value(", ".join([*head, *texts]), value.label, value.imports, value.fixtures, value.setup))
        return found

    def _values(self, option: CommandOption) -> list[Value]:
        if option.choices:
            return [Value(repr(choice), choice) for choice in option.choices]
        if option.type is OptionType.DATE:
            return [Value("'2024-02-29'", "")]
        if option.type is OptionType.FOLDER:
            return [_place("str(tmp_path)")]
        if option.type is OptionType.FILE or (option.type is OptionType.PATH and _is_input(option)):
            return self._files(option)
        if option.type is OptionType.PATH:
            return [_place(f"str(tmp_path / {_file_name(option)!r})")]
        return self._plain(option)

    def _plain(self, option: CommandOption) -> list[Value]:
        annotation = _ANNOTATIONS.get(option.type, "str")
        found = self._maker.for_parameter(Parameter(option.name, annotation))
        if annotation == "str":
            found = [*samples_for(option.name)[:2], *(Value(repr(word), word) for word in self._words[:2]), *found]
        literals = [value for value in found if _literal(value.text) is not None]
        words = [Value(repr(str(_literal(value.text))), label_of(value.text)) for value in literals]
        usual = [word for word in words if word.text != "''" and "\\n" not in word.text and word.text[1:2] != "-"]
        return unique(usual)[:_VALUES]

    def _files(self, option: CommandOption) -> list[Value]:
        """Files that are there when the program starts: with rows of the keys that its code reads, or with text."""
        contents = self._contents()
        found = []
        for name, content in contents:
            setup = (f"path = tmp_path / {name!r}", f"path.write_text({content!r})")
            found.append(Value("str(path)", "", frozenset(), frozenset({"tmp_path"}), setup))
        return [*found[:2], _place("str(tmp_path / 'missing.txt')", "missing")]

    def _contents(self) -> Iterator[tuple[str, str]]:
        text = " ".join(self._context.imports) + self._context.source
        keys = self._keys or ("name", "value")
        rows = [{key: _cell(key, row) for key in keys} for row in range(2)]
        if "json" in text:
            yield "data.json", json.dumps(rows)
            yield "data.json", json.dumps(rows[0])
        if "csv" in text or (self._keys and "json" not in text):
            lines = [",".join(keys), *(",".join(str(cell) for cell in row.values()) for row in rows)]
            yield "data.csv", "\n".join(lines) + "\n"
        yield "data.txt", _TEXT


def _cell(key: str, row: int) -> object:
    kind = type_by_name(key)
    if kind == "int":
        return row + 1
    if kind == "float":
        return 2.5 + row
    given = samples_for(key)
    return _literal(given[row].text) if len(given) > row else f"{key} {'ab'[row]}"


def _listed(texts: list[str], needs: list[Value]) -> Value:
    imports = frozenset().union(*(value.imports for value in needs))
    fixtures = frozenset().union(*(value.fixtures for value in needs))
    setup = tuple(dict.fromkeys(line for value in needs for line in value.setup))
    return Value(f"[{', '.join(texts)}]", "", imports, fixtures, setup)


def _place(text: str, label: str = "") -> Value:
    return Value(text, label, fixtures=frozenset({"tmp_path"}))


def _is_input(option: CommandOption) -> bool:
    return not any(part in _OUTPUTS for part in option.name.lower().replace("output", "out").split("_"))


def _file_name(option: CommandOption) -> str:
    given = _literal(option.default or "")
    name = str(given).rpartition("/")[2] if isinstance(given, str) and "." in given else ""
    return name or ("data.db" if option.name.lower() in ("db", "database") else "out.txt")


def _literal(text: str) -> object:
    try:
        value: object = ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError):
        return None
    return value
