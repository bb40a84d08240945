"""What is a target, when its hash changes, and what became of it between two revisions."""

import textwrap
import time

import pytest

from augment.analysis import ChangeKind, decode_source, diff_targets, discover_project, project_targets, targets_of
from augment.records import Snapshot, TargetKind


def targets(source, file="shop/cart.py"):
    return targets_of(textwrap.dedent(source), file.removesuffix(".py").replace("/", "."), file)


def names(source):
    return [target.qualname for target in targets(source)]


def changes(old, new, new_file="shop/cart.py"):
    found = diff_targets(targets(old), targets(new, new_file))
    return [(change.kind, change.target.qualname, change.previous and change.previous.qualname) for change in found]


def test_functions_methods_and_nested_classes_are_targets():
    found = targets("""
        class Outer:
            class Inner:
                async def run(self):
                    return 1

        def free(a):
            def local():
                return a
            return local
    """)
    assert [(item.qualname, item.kind, item.is_async) for item in found] == [
        ("Outer.Inner", TargetKind.CLASS, False),
        ("Outer.Inner.run", TargetKind.METHOD, True),
        ("free", TargetKind.FUNCTION, False),
    ]


def test_lines_include_decorators():
    (target,) = targets("import functools\n\n@functools.cache\n@other\ndef f():\n    return 1\n")
    assert (target.lineno, target.end_lineno) == (3, 6)


def test_conditional_definitions_count_once_and_the_last_one_wins():
    source = """
        try:
            import fast
        except ImportError:
            def f():
                return 1
        else:
            def f():
                return 2
        if True:
            def g():
                return 3
    """
    found = targets(source)
    assert [item.qualname for item in found] == ["f", "g"]
    assert found[0].lineno == 8


def test_what_no_test_can_tell_is_left_out():
    source = """
        import abc
        from typing import TYPE_CHECKING, overload

        if TYPE_CHECKING:
            def only_typed(): return 1

        @overload
        def f(a: int) -> int: ...
        @overload
        def f(a: str) -> str: ...

        def stub():
            "Nothing."

        def later():
            raise NotImplementedError("not yet")

        class Base(abc.ABC):
            @abc.abstractmethod
            def need(self):
                return 1

        class Point:
            def __init__(self, x):
                self.x = x
            def __repr__(self):
                return f"<{self.x}>"

        type_alias = dict[str, int]

        if __name__ == "__main__":
            def main():
                return 1
    """
    assert names(source) == ["Base", "Point"]


def test_a_constructor_that_computes_is_a_target():
    assert "A.__init__" in names("class A:\n    def __init__(self, x):\n        self.x = x + 1\n")


def test_a_setter_is_told_from_its_getter():
    source = """
        class A:
            @property
            def x(self): return self._x + 1
            @x.setter
            def x(self, value): self._x = value - 1
    """
    assert names(source) == ["A", "A.x", "A.x.setter"]


def test_comments_and_formatting_do_not_change_the_hash_but_a_docstring_does():
    (plain,) = targets("def f(a):\n    return a+1\n")
    (spread,) = targets("# why\ndef f( a ):  # here\n\n    return (a +\n        1)\n")
    (told,) = targets('def f(a):\n    "Says."\n    return a+1\n')
    assert plain.hash == spread.hash != told.hash


def test_comment_only_edits_give_no_change():
    assert changes("def f(): return 1\n", "# more\n\ndef f():  # and more\n    return 1\n") == []


def test_added_modified_and_deleted():
    old = "def same(): return 0\ndef edited(): return 1\ndef gone(): return 2\n"
    new = "def fresh(): return 4\ndef same(): return 0\ndef edited(): return 3\n"
    assert changes(old, new) == [
        (ChangeKind.ADDED, "fresh", None),
        (ChangeKind.MODIFIED, "edited", "edited"),
        (ChangeKind.DELETED, "gone", "gone"),
    ]


def test_the_same_code_under_another_name_is_renamed():
    assert changes("def old(n): return n and old(n - 1)\n", "def new(n): return n and new(n - 1)\n") == [
        (ChangeKind.RENAMED, "new", "old")
    ]


def test_a_renamed_class_takes_its_methods_along():
    body = ":\n    def total(self): return 3\n"
    assert changes(f"class Cart{body}", f"class Basket{body}") == [
        (ChangeKind.RENAMED, "Basket", "Cart"),
        (ChangeKind.RENAMED, "Basket.total", "Cart.total"),
    ]


def test_the_same_code_in_another_file_is_moved():
    assert changes("def f(): return 1\n", "def f(): return 1\n", "shop/other.py") == [(ChangeKind.MOVED, "f", "f")]


def test_a_changed_decorator_modifies():
    assert changes("def f(): return 1\n", "@cache\ndef f(): return 1\n") == [(ChangeKind.MODIFIED, "f", "f")]


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbfdef f():\r\n    return 'h\xc3\xa9'\r\n",
        b"# -*- coding: latin-1 -*-\ndef f():\n    return 'h\xe9'\n",
        "def f():\n    return 'hé'\n".encode(),
    ],
    ids=["bom-crlf", "cookie", "utf-8"],
)
def test_encodings_and_line_ends_do_not_matter(data):
    (target,) = targets_of(decode_source(data), "m", "m.py")
    (plain,) = targets("def f():\n    return 'hé'\n")
    assert target.hash == plain.hash


def test_unicode_names_are_targets():
    assert names("def größe(): return 1\n") == ["größe"]


@pytest.mark.parametrize("data", [b"# coding: nonsense\n", b"x = '\xff'\n"])
def test_undecodable_bytes_are_a_syntax_error(data):
    with pytest.raises(SyntaxError):
        decode_source(data)


def test_a_file_that_does_not_parse_is_skipped_and_told(tmp_path):
    texts = {
        "good.py": "def f(): return 1\n",
        "bad.py": "def f(:\n",
        "null.py": "x = 1\0\n",
        "enc.py": "# coding: no\n",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    told = {}
    found = project_targets(
        discover_project(tmp_path), Snapshot.of(dict.fromkeys(texts, "")), on_problem=told.__setitem__
    )
    assert [target.id for target in found] == ["good:f"]
    assert set(told) == {"bad.py", "null.py", "enc.py"}
    assert told["bad.py"].startswith("line 1")


def test_a_huge_file_takes_seconds_at_most():
    source = "".join(f"def f{number}(a):\n    return a + {number}\n\n" for number in range(2000))
    started = time.perf_counter()
    assert len(targets(source)) == 2000
    assert time.perf_counter() - started < 5


def test_files_that_a_program_wrote_have_no_targets(tmp_path):
    (tmp_path / "made_pb2.py").write_text(
        "# Generated by the protocol buffer compiler.  DO NOT EDIT!\ndef f(): return 1\n"
    )
    (tmp_path / "own.py").write_text("# Lists what was generated.\ndef f(): return 1\n")
    files = dict.fromkeys(["made_pb2.py", "own.py"], "")
    assert [target.id for target in project_targets(discover_project(tmp_path), Snapshot.of(files))] == ["own:f"]
