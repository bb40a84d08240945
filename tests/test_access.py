"""The token: made once, kept for its owner alone, given by the variable, never passed on."""

from __future__ import annotations

from pathlib import Path

import pytest

from augment.access import (
    digest_of,
    ensure_token,
    find_token,
    has_bearer,
    has_session,
    session_of,
    take_variable,
    token_file,
)
from augment.errors import AugmentError

TOKEN = "a-token-that-is-long-enough"


def test_it_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    environ = {"XDG_CONFIG_HOME": str(tmp_path)}
    assert find_token(environ) is None
    made = ensure_token(environ)
    assert len(made) >= 40
    assert ensure_token(environ) == find_token(environ) == made
    assert token_file(environ).stat().st_mode & 0o777 == 0o600
    assert ensure_token({"XDG_CONFIG_HOME": str(tmp_path / "other")}) != made


def test_the_variable_goes_before_the_file_and_is_not_inherited(tmp_path: Path) -> None:
    environ = {"XDG_CONFIG_HOME": str(tmp_path), "AUGMENT_TOKEN": TOKEN}
    assert find_token(environ) == TOKEN
    assert not token_file(environ).exists()
    assert take_variable(environ) == TOKEN
    assert "AUGMENT_TOKEN" not in environ
    assert take_variable(environ) is None


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    environ = {"XDG_CONFIG_HOME": str(tmp_path)}
    ensure_token(environ)
    token_file(environ).chmod(0o644)
    with pytest.raises(AugmentError, match="chmod 600"):
        find_token(environ)


@pytest.mark.parametrize(
    "bad", ["short", "with spaces in the middle of it", "t\u00f6ken-that-is-long-enough", "x" * 20 + "\n\x07"]
)
def test_a_token_that_no_header_could_carry_is_refused_and_not_shown(bad: str) -> None:
    with pytest.raises(AugmentError) as refused:
        find_token({"AUGMENT_TOKEN": bad})
    assert bad not in str(refused.value)


def test_only_the_token_is_right() -> None:
    digest = digest_of(TOKEN)
    assert has_bearer(f"Bearer {TOKEN}", digest)
    assert has_bearer(f"bearer {TOKEN} ", digest)
    for wrong in ("", TOKEN, "Bearer", f"Bearer {TOKEN}x", f"Bearer {digest}", f"Basic {TOKEN}"):
        assert not has_bearer(wrong, digest)
    assert has_session(session_of(TOKEN), session_of(TOKEN))
    assert not has_session(digest, session_of(TOKEN))
    assert session_of(digest) != session_of(TOKEN)  # who sees the digest has no session
    assert not has_session("\udcff", session_of(TOKEN))
