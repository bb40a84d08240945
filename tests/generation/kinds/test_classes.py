"""Properties, descriptors, records, models, enumerations, abstract classes, hierarchies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.needs_sandbox


def test_properties_are_read_set_and_refused(grown: Callable[..., Any]) -> None:
    kept = grown("attributes").of("Thermometer")
    assert kept.missing == ()
    assert kept.kills >= 15
    assert "subject.fahrenheit = " in kept.text
    assert "below absolute zero" in kept.text


def test_descriptors_stand_in_a_class_of_the_test(grown: Callable[..., Any]) -> None:
    kept = grown("attributes").of("Bounded")
    assert kept.missing == ()
    assert kept.kills >= 15
    assert "attribute = Bounded(" in kept.text
    assert "subject.attribute = " in kept.text
    assert "pytest.raises(ValueError)" in kept.text


def test_dataclasses_are_made_by_their_fields(grown: Callable[..., Any]) -> None:
    module = grown("records")
    assert module.of().missing == ()
    assert module.of().kills >= 15
    assert "Money(cents=" in module.of("Money", "Order").text
    assert "a currency has three letters" in module.of("Money").text


def test_classes_of_attrs_are_made_by_their_fields(grown: Callable[..., Any]) -> None:
    module = grown("attrs_records", "attrs")
    assert module.of().missing == ()
    assert "amount must be positive" in module.of("Account").text
    assert module.of("Account").kills >= 6
    assert module.of("Point").kills >= 6


def test_models_of_pydantic_are_made_and_shown_by_their_fields(grown: Callable[..., Any]) -> None:
    module = grown("pydantic_models", "pydantic")
    assert module.of().missing == ()
    assert "a name is needed" in module.of("Item").text
    cheapest = module.of("cheapest")
    assert cheapest.kills >= 3
    assert "Item(name=" in cheapest.text


def test_members_of_enumerations_are_named(grown: Callable[..., Any]) -> None:
    module = grown("enums")
    assert module.of().missing == ()
    assert module.of().kills >= 25
    assert "Level.LOW" in module.of("Level.raised").text
    assert '.name == "' in module.of("Level").text
    assert ".value == " in module.of("parsed").text


def test_abstract_classes_are_tested_through_subclasses(grown: Callable[..., Any]) -> None:
    module = grown("abstracts")
    assert module.of().missing == ()
    assert "Square(side=" in module.of("Shape").text
    assert module.of("Shape").kills >= 8
    assert "class Minimal(Formatter):" in module.of("Formatter").text


def test_what_a_protocol_asks_for_is_made_up(grown: Callable[..., Any]) -> None:
    kept = grown("abstracts").of("postage")
    assert kept.kills >= 4
    assert "class Minimal(Sized):" in kept.text


def test_hierarchies_are_made_by_the_constructors_that_they_inherit(grown: Callable[..., Any]) -> None:
    module = grown("hierarchy")
    assert module.of().missing == ()
    assert "Bloodhound(name=" in module.of("Bloodhound", "Animal", "Loud").text
    dog = module.of("Dog")
    assert dog.kills >= 6
    assert dog.text.count("subject.learn(") >= 2
