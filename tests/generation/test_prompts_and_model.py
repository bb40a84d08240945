from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from augment.analysis import CallForm, Parameter, TargetContext
from augment.generation.model import ModelGenerator
from augment.generation.prompts import (
    VARIANTS,
    IntegrationPrompt,
    PromptTask,
    PropertyPrompt,
    UnitPrompt,
    build_messages,
    plan_prompts,
    shared_prefix,
)
from augment.generation.settings import GenerationSettings
from augment.records import TestKind

SETTINGS = GenerationSettings()


def user_text(context: TargetContext, limit: int = 6000) -> str:
    return build_messages(context, UnitPrompt(), 0, limit)[1].content


def test_all_variants_of_a_target_share_their_beginning(context: TargetContext) -> None:
    prefix = shared_prefix(context, 6000)
    for variant in (UnitPrompt(), IntegrationPrompt(), PropertyPrompt()):
        assert build_messages(context, variant, 0, 6000)[1].content.startswith(prefix)


def test_lines_not_yet_covered_are_marked(context: TargetContext) -> None:
    marked = [line for line in user_text(context).splitlines() if "not covered yet" in line and "return" in line]
    # Line 11 of the file, and the target begins in line 8.
    assert marked == [] or all("#" in line for line in marked)
    assert "# not covered yet" in user_text(context)


def test_everything_uncovered_needs_no_marks(context: TargetContext) -> None:
    nothing_covered = replace(context, uncovered_lines=tuple(range(8, 15)))
    assert "# not covered yet" not in user_text(nothing_covered)


def test_prompt_keeps_to_its_size_and_loses_the_least_useful_first(context: TargetContext) -> None:
    rich = replace(context, callers=("caller()\n" * 60,), test_style="def test_style(): pass\n" * 30)
    assert len(user_text(rich, 1200)) < 2000
    assert "def apply_discount" in user_text(rich, 1200)
    assert "It is used like this" in user_text(rich, 6000)


def test_abstract_class_is_tested_through_what_implements_it(context: TargetContext) -> None:
    abstract = replace(context, abstract_methods=("price",), form=CallForm.CLASS)
    assert "define a minimal subclass" in user_text(abstract)
    concrete = replace(abstract, concrete_subclasses=("shop.rules:FixedRule",))
    assert "shop.rules.FixedRule" in user_text(concrete)


def test_coroutine_is_to_be_called_without_a_plugin(context: TargetContext) -> None:
    assert "asyncio.run" in user_text(replace(context, is_async=True))


def test_every_kind_has_a_named_version() -> None:
    assert set(VARIANTS) == set(TestKind)
    assert all("/" in variant.name for variant in VARIANTS.values())


def test_each_target_is_asked_about_once_before_any_is_asked_twice(context: TargetContext) -> None:
    private = replace(context, target=replace(context.target, qualname="_hidden"))
    tasks = plan_prompts([private, context], (TestKind.UNIT,), 2, scenarios=False)
    assert [(task.context.target.qualname, task.sample) for task in tasks] == [
        ("apply_discount", 0),
        ("_hidden", 0),
        ("apply_discount", 1),
        ("_hidden", 1),
    ]


def test_properties_need_something_to_vary(context: TargetContext) -> None:
    assert plan_prompts([context], (TestKind.PROPERTY,), 1) == []
    assert plan_prompts([replace(context, parameters=(Parameter("price"),))], (TestKind.PROPERTY,), 1)


REPLY = "```python\ndef test_a():\n    assert apply_discount(1, 'gold') == 1\n```"


def test_all_prompts_go_to_the_engine_in_one_call(
    context: TargetContext, canned: Callable[[dict[str, str]], Any]
) -> None:
    engine = canned({"`apply_discount`": REPLY})
    model = ModelGenerator(engine, SETTINGS)
    proposals = model.propose_many([PromptTask(context, UnitPrompt(), sample) for sample in range(3)], 7, None)
    assert len(engine.requests) == 3
    assert {request.sampling.seed for request in engine.requests} == {7, 8, 9}
    assert len(proposals.candidates) == 3
    assert proposals.completion_tokens == 150
    assert proposals.candidates[0].origin == UnitPrompt().name
    assert proposals.candidates[0].model == "canned"


def test_reply_without_a_test_is_turned_away_with_its_text(
    context: TargetContext, canned: Callable[[dict[str, str]], Any]
) -> None:
    proposals = ModelGenerator(canned({}), SETTINGS).propose_many([PromptTask(context, UnitPrompt(), 0)], 0, None)
    assert proposals.candidates == ()
    assert [item.gate for item in proposals.rejections] == ["reply"]
    assert "cannot help" in proposals.rejections[0].candidate.source


@pytest.mark.parametrize(("seconds", "most"), [(1.0, 0), (1000.0, 4)])
def test_calls_are_sized_to_the_time_left(seconds: float, most: int, canned: Callable[[dict[str, str]], Any]) -> None:
    assert ModelGenerator(canned({}), SETTINGS).affordable(4, seconds) == most


def test_reply_length_follows_the_setting(context: TargetContext, canned: Callable[[dict[str, str]], Any]) -> None:
    engine = canned({})
    ModelGenerator(engine, replace(SETTINGS, max_length=128)).propose(context, 0, 5)
    assert engine.requests[0].sampling.max_tokens == 128
