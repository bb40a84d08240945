"""Tests of renamed and moved targets, in files of the user's and where names are reached in roundabout ways."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from augment.analysis import discover_project, project_targets, take_snapshot
from augment.execution import LocalExecutor
from augment.generation import Follower, Following, Move, take_out
from augment.generation.compose import Piece
from augment.generation.write import TestWriter, as_written
from augment.records import Admission, TestKind

pytestmark = pytest.mark.needs_sandbox
CART = """class Cart:
    def __init__(self):
        self.items = []

    def {method}(self, price):
        self.items.append(price)
        return len(self.items)


def total(cart):
    return sum(cart.items)
"""
TEST = """from shop.cart import Cart


def test_cart_add():
    cart = Cart()
    assert cart.add(3) == 1
    assert {1, 2}.union({3}) == {1, 2, 3}
"""
USERS = '''"""Mine."""

from shop.cart import total


class TestTotal:
    def test_nothing(self):
        class Empty:
            items = []

        assert total(Empty()) == 0
'''


@pytest.fixture(scope="module")
def executor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalExecutor]:
    local = LocalExecutor(1, scratch_dir=tmp_path_factory.mktemp("scratch"))
    yield local
    local.close()


def kept(root: Path, source: str, target: str, *, merge: bool = False) -> Admission:
    writer = TestWriter(discover_project(root), "tests/augment", merge)
    file = writer.file_for(target.partition(":")[0])
    composed = writer.add(file, [Piece(source, f"kept: covers 1 new line, testing {target}; by search", target)])
    made = Admission(
        "adm-1", f"{file}::{composed.names[0]}", file, target, "search", TestKind.UNIT, source, 1, 0, None, 5, "", 1.0
    )
    return as_written([made], composed)[0]


def follow(root: Path, executor: LocalExecutor, admissions: list[Admission], *moves: tuple[str, str]) -> Following:
    project, snapshot = discover_project(root), take_snapshot(root)
    present = [target.id for target in project_targets(project, snapshot)]
    follower = Follower(project, snapshot, executor, "tests/augment")
    return follower.follow([Move(old, new) for old, new in moves], admissions, present, [])


@pytest.fixture
def root(shop: Path) -> Path:
    (shop / "shop/cart.py").write_text(CART.format(method="add"))
    (shop / "pyproject.toml").write_text("[tool.pytest.ini_options]\npythonpath = ['.']\n")
    return shop


def test_a_renamed_method_is_renamed_on_its_instances_and_in_the_tests_name(
    root: Path, executor: LocalExecutor
) -> None:
    admission = kept(root, TEST, "shop.cart:Cart.add")
    (root / "shop/cart.py").write_text(CART.format(method="put"))
    result = follow(root, executor, [admission], ("shop.cart:Cart.add", "shop.cart:Cart.put"))
    (followed,) = result.followed
    assert not result.broken
    assert followed.nodeid.endswith("::test_cart_put")
    assert "cart.put(3)" in (root / followed.file).read_text()
    assert "cart.put(3)" in followed.source


def test_a_merged_test_follows_and_the_users_lines_stay(root: Path, executor: LocalExecutor) -> None:
    users = root / "tests/test_cart.py"
    users.parent.mkdir()
    users.write_text(USERS)
    admission = kept(root, TEST, "shop.cart:Cart.add", merge=True)
    assert admission.file == "tests/test_cart.py"
    (root / "shop/cart.py").write_text(CART.format(method="put"))
    result = follow(root, executor, [admission], ("shop.cart:Cart.add", "shop.cart:Cart.put"))
    (followed,) = result.followed
    assert "cart.put(3)" in users.read_text()
    take_out(discover_project(root), followed)
    assert users.read_text() == USERS


def test_a_test_of_another_target_that_uses_the_renamed_one_says_the_new_name_too(
    root: Path, executor: LocalExecutor
) -> None:
    source = TEST.replace("test_cart_add", "test_total").replace("import Cart", "import Cart, total")
    source = source.replace("    assert {1", "    assert total(cart) == 3\n    assert {1")
    admission = kept(root, source, "shop.cart:total")
    (root / "shop/cart.py").write_text(CART.format(method="put"))
    result = follow(root, executor, [admission], ("shop.cart:Cart.add", "shop.cart:Cart.put"))
    assert [item.target for item in result.followed] == ["shop.cart:total"]
    assert "cart.put(3)" in (root / admission.file).read_text()


def test_what_does_not_pass_under_the_new_name_changes_nothing(root: Path, executor: LocalExecutor) -> None:
    admission = kept(root, TEST, "shop.cart:Cart.add")
    before = (root / admission.file).read_bytes()
    (root / "shop/cart.py").write_text(CART.format(method="put").replace("len(self.items)", "None"))
    result = follow(root, executor, [admission], ("shop.cart:Cart.add", "shop.cart:Cart.put"))
    assert result.followed == []
    assert "does not pass" in result.left["adm-1"]
    assert (root / admission.file).read_bytes() == before


def test_a_merged_test_that_the_user_edited_is_theirs(root: Path, executor: LocalExecutor) -> None:
    users = root / "tests/test_cart.py"
    users.parent.mkdir()
    users.write_text(USERS)
    admission = kept(root, TEST, "shop.cart:Cart.add", merge=True)
    users.write_text(users.read_text().replace("cart.add(3) == 1", "cart.add(4) == 1"))
    before = users.read_bytes()
    (root / "shop/cart.py").write_text(CART.format(method="put"))
    result = follow(root, executor, [admission], ("shop.cart:Cart.add", "shop.cart:Cart.put"))
    assert "yours" in result.left["adm-1"]
    assert users.read_bytes() == before


def test_a_file_that_is_gone_is_said(root: Path, executor: LocalExecutor) -> None:
    admission = replace(kept(root, TEST, "shop.cart:Cart.add"), file="tests/augment/gone_augment.py")
    result = follow(root, executor, [admission], ("shop.cart:Cart.add", "shop.cart:Cart.put"))
    assert list(result.left) == ["adm-1"]
