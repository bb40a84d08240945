"""Programs: commands of click and typer through their runner, command lines of argparse through the main function."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from augment.analysis import CommandFlow, CommandLevel, ParserFlow
from augment.generation.integration.draft import Draft, named, prepared
from augment.generation.integration.making import Script
from augment.generation.integration.words import CommandLines, Words

_VARIANTS = 14
_BOTH_ENDINGS = 2
"""How many of the variants are tried as returning and as exiting: the code does not always tell."""


class CommandTests:
    """A click or typer command: exit code and output."""

    rule = "command"

    def drafts(self, flow: CommandFlow, seed: int) -> Iterator[Draft]:
        """The command alone, and after one that puts something there."""
        lines = CommandLines(flow.entry, flow.situation)
        for number, words in enumerate(islice(lines.of(flow.levels), _VARIANTS)):
            for before in _befores(flow.before, number):
                yield self._draft(flow, before, words)

    def _draft(self, flow: CommandFlow, before: tuple[CommandLevel, ...], words: Words) -> Draft:
        script = Script()
        script.imports |= {f"from {flow.framework}.testing import CliRunner", f"from {flow.module} import {flow.name}"}
        script.need(prepared(flow.situation))
        runner = "CliRunner()"
        if before:
            script.add("runner = CliRunner()")
            runner = "runner"
            first = next(CommandLines(flow.entry, flow.situation).of(before))
            script.need(first.value)
            script.add(_invoked("runner", flow.name, first))
        script.need(words.value)
        script.add(f"result = {_invoked(runner, flow.name, words)}")
        script.add("assert result.exit_code == ...")
        script.add("assert result.output == ...")
        name = named(_title(before), "then" if before else "", _title(flow.levels) or flow.name, _with(words))
        return Draft(name, script.text(), frozenset(script.imports), frozenset(script.fixtures), self.rule)


class ParserTests:
    """A program of argparse: what its main function returns and prints, or what its parser makes of the words."""

    rule = "arguments"

    def drafts(self, flow: ParserFlow, seed: int) -> Iterator[Draft]:
        """The program with each command line, alone and after one that puts something there."""
        lines = CommandLines(flow.entry, flow.situation)
        for number, words in enumerate(islice(lines.of(flow.levels), _VARIANTS)):
            for before in _befores(flow.before, number):
                yield self._draft(flow, before, words, exits=flow.exits)
            if number < _BOTH_ENDINGS and not flow.returns_parser:
                yield self._draft(flow, (), words, exits=not flow.exits)

    def _draft(self, flow: ParserFlow, before: tuple[CommandLevel, ...], words: Words, *, exits: bool) -> Draft:
        script = Script()
        script.imports.add(flow.entry.import_line)
        script.need(prepared(flow.situation))
        if before:
            first = next(CommandLines(flow.entry, flow.situation).of(before))
            self._run(script, flow, first, exits=exits)
            script.add("capsys.readouterr()")
        self._check(script, flow, words, exits=exits)
        title = f"{flow.entry.call_name} {_title(flow.levels)}"
        name = named(_title(before), "then" if before else "", title, _with(words), "exits" if exits else "")
        return Draft(name, script.text(), frozenset(script.imports), frozenset(script.fixtures), self.rule)

    def _run(self, script: Script, flow: ParserFlow, words: Words, *, exits: bool) -> None:
        """The call of the program, for what it does."""
        script.need(words.value)
        call = self._call(script, flow, words)
        if exits:
            script.imports.add("import pytest")
            script.add("with pytest.raises(SystemExit):")
            script.add(f"    {call}")
        else:
            script.add(call)

    def _check(self, script: Script, flow: ParserFlow, words: Words, *, exits: bool) -> None:
        """The call of the program, for what it gives and prints."""
        script.need(words.value)
        if flow.returns_parser:
            script.add(f"assert vars({flow.entry.call_name}().parse_args({words.value.text})) == ...")
            return
        call = self._call(script, flow, words)
        if exits:
            script.imports.add("import pytest")
            script.add("with pytest.raises(SystemExit) as stopped:")
            script.add(f"    {call}")
            script.add("assert stopped.value.code == ...")
        else:
            script.add(f"assert {call} == ...")
        script.add("assert capsys.readouterr().out == ...")

    def _call(self, script: Script, flow: ParserFlow, words: Words) -> str:
        if flow.takes_words:
            return f"{flow.entry.call_name}({words.value.text})"
        script.add(f"monkeypatch.setattr('sys.argv', {_with_program(words.value.text)})")
        return f"{flow.entry.call_name}()"


def _befores(makers: tuple[tuple[CommandLevel, ...], ...], number: int) -> tuple[tuple[CommandLevel, ...], ...]:
    """What to run before a variant: nothing and each maker for the first one; later one maker, where there is any."""
    return ((), *makers) if number == 0 else makers[:1] or ((),)


def _invoked(runner: str, name: str, words: Words) -> str:
    return f"{runner}.invoke({name}, {words.value.text}, catch_exceptions=False)"


def _with_program(words: str) -> str:
    inner = words[1:-1]
    return f"['prog', {inner}]" if inner else "['prog']"


def _title(levels: tuple[CommandLevel, ...]) -> str:
    return " ".join(level.word for level in levels if level.word)


def _with(words: Words) -> str:
    label = re.sub(r"_+", "_", words.label).strip("_")
    return f"with {label}" if label else ""
