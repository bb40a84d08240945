"""Values to call with, as source text, by type and by what a name suggests."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Value:
    """An expression, and what a test needs to evaluate it: import lines, fixtures, statements before it.

    ``label`` says in identifier words what is special about it, '' for an ordinary value.
    """

    text: str
    label: str = ""
    imports: frozenset[str] = frozenset()
    fixtures: frozenset[str] = frozenset()
    setup: tuple[str, ...] = ()


def literal(value: object, label: str = "") -> Value:
    """A literal as a value, labelled by what it is when no label is given."""
    text = repr(value)
    return Value(text, label or label_of(text))


def label_of(text: str) -> str:
    """A few identifier words for a literal: ``zero``, ``negative``, ``empty``, ``none``, else its own words."""
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return ""
    return _label_of_value(value)


def _label_of_value(value: object) -> str:
    if value is None or isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return _label_of_number(value)
    if isinstance(value, str | bytes):
        text = value if isinstance(value, str) else value.decode("latin-1")
        if not text.strip():
            return "empty" if not text else "blank"
        words = re.findall(r"[a-z0-9]+", text.lower())[:3]
        return "_".join(words)[:24].strip("_") or "symbols"
    if isinstance(value, list | tuple | dict | set | frozenset):
        return "empty" if not value else f"{len(value)}_items"
    return ""


def _label_of_number(value: float) -> str:
    if not math.isfinite(value):
        return "not_finite"
    if value == 0:
        return "zero"
    text = re.sub(r"\W", "_", str(abs(value)))
    return f"negative_{text}" if value < 0 else text


def literals(*values: object) -> list[Value]:
    """Several literals."""
    return [literal(value) for value in values]


def _module(name: str, *texts: str) -> list[Value]:
    return [Value(text, label_of(text), frozenset({f"import {name}"})) for text in texts]


WRITTEN_FILE = ("path = tmp_path / 'input.txt'", "path.write_text('one,two\\n1,2\\n')")
BY_TYPE: dict[str, list[Value]] = {
    "int": literals(3, 0, 1, -1, 10, 2, 100, -7, 2024),
    "float": literals(2.5, 0.0, 1.0, -1.5, 100.0, 0.1, 1e9),
    "complex": [Value("1 + 2j", "complex")],
    "str": literals("hello world", "", "a", "Hello, World! 42", " padded ", "héllo ñ", "ABC", "abc-def_ghi",
                    "123", "a\nb"),
    "bool": literals(True, False),
    "bytes": literals(b"hello", b"", b"\x00\xff"),
    "bytearray": [Value('bytearray(b"abc")', "bytes"), Value("bytearray()", "empty")],
    "None": literals(None),
    "object": literals("hello", 0, None, [1, 2], 3.5, {"a": 1}, True),
    "type": [Value("int", "int"), Value("str", "str")],
    "slice": [Value("slice(0, 2)", "slice")],
    "range": [Value("range(3)", "range"), Value("range(0)", "empty")],
    "Decimal": _module("decimal", "decimal.Decimal('10.50')", "decimal.Decimal('0')", "decimal.Decimal('-1.25')"),
    "Fraction": _module("fractions", "fractions.Fraction(1, 3)", "fractions.Fraction(0)"),
    "UUID": _module("uuid", "uuid.UUID('12345678-1234-5678-1234-567812345678')"),
    "datetime": _module(
        "datetime", "datetime.datetime(2024, 2, 29, 12, 30)", "datetime.datetime(2023, 12, 31, 23, 59, 59)",
    ),
    "date": _module(
        "datetime", "datetime.date(2024, 2, 29)", "datetime.date(2023, 12, 31)", "datetime.date(2024, 6, 15)",
        "datetime.date(2025, 1, 1)", "datetime.date(2024, 9, 2)",
    ),
    "time": _module("datetime", "datetime.time(12, 30)", "datetime.time(0, 0)"),
    "timedelta": _module(
        "datetime", "datetime.timedelta(days=1)", "datetime.timedelta(0)", "datetime.timedelta(hours=-2)",
    ),
    "timezone": _module("datetime", "datetime.timezone.utc"),
    "Pattern": _module("re", "re.compile('[a-z]+')", "re.compile('')"),
    "Match": _module("re", "re.search('([a-z])(.)', 'say \"hello\"')"),
    "StringIO": _module("io", "io.StringIO('one\\ntwo\\n')", "io.StringIO()"),
    "BytesIO": _module("io", "io.BytesIO(b'one\\ntwo\\n')", "io.BytesIO()"),
    "ndarray": _module(
        "numpy", "numpy.array([[1, 5], [7, 3]])", "numpy.array([3, 1, 2])", "numpy.array([0.5, 2.5])",
        "numpy.zeros((2, 3))", "numpy.array([])",
    ),
    "DataFrame": _module(
        "pandas", "pandas.DataFrame({'a': [1, 2, 1], 'b': [3, 4, 5]})",
        "pandas.DataFrame({'a': ['x', 'y'], 'b': [0.5, None]})", "pandas.DataFrame({'a': [], 'b': []})",
        "pandas.DataFrame({'c': [1]})",
    ),
    "Series": _module(
        "pandas", "pandas.Series([3, 1, 2])", "pandas.Series(['x', 'y'])", "pandas.Series([], dtype=float)",
    ),
    "Exception": [Value("ValueError('boom')", "error")],
    "Path": [
        Value("path", "file", fixtures=frozenset({"tmp_path"}), setup=WRITTEN_FILE),
        Value("tmp_path / 'missing.txt'", "missing_file", fixtures=frozenset({"tmp_path"})),
        Value("tmp_path", "folder", fixtures=frozenset({"tmp_path"})),
    ],
}  # fmt: skip
ALIASES = {
    "Any": "object", "Hashable": "object", "AnyStr": "str", "Text": "str", "LiteralString": "str", "Number": "float",
    "SupportsInt": "int", "SupportsFloat": "float", "Real": "float", "Integral": "int", "ByteString": "bytes",
    "BaseException": "Exception", "TextIO": "StringIO", "IO": "StringIO", "BinaryIO": "BytesIO", "PathLike": "Path",
    "ArrayLike": "ndarray", "NDArray": "ndarray", "PurePath": "Path",
    "ValueError": "Exception", "tzinfo": "timezone", "NoneType": "None", "StrPath": "Path",
}  # fmt: skip

FILE_NAME = [
    Value("str(path)", "file", fixtures=frozenset({"tmp_path"}), setup=WRITTEN_FILE),
    Value("str(tmp_path / 'missing.txt')", "missing_file", fixtures=frozenset({"tmp_path"})),
]

SAMPLES: list[tuple[str, tuple[str, ...]]] = [
    ("email", ("user@example.com", "first.last+tag@sub.example.org", "no-at-sign", "a@b", "user..x@example.com")),
    ("url|uri|link|href", ("https://example.com/path?q=1#top", "http://localhost:8080", "not a url")),
    ("uuid", ("12345678-1234-5678-1234-567812345678", "12345678123456781234567812345678", "not-a-uuid")),
    ("ip_v6|ipv6", ("2001:db8::1", "::1", "2001:db8:85a3:0000:0000:8a2e:370:7334", "1.2.3.4")),
    ("ip|host|addr", ("192.168.0.1", "255.255.255.255", "256.1.1.1", "2001:db8:85a3:0000:0000:8a2e:370:7334")),
    ("isbn", ("9780306406157", "978-0-306-40615-7", "0-306-40615-2", "080442957X", "9780306406158", "123")),
    ("credit|card", ("4111111111111111", "5500005555555559", "378282246310005", "1234567812345678")),
    ("json", ('{"a": [1, 2]}', "[1, 2, 3]", "{bad}", "null")),
    ("html|xml|markup|tag", ("<p>one <b>two</b></p>", "<br/>", "no tags", "<a href='x'>link</a>")),
    ("roman", ("XIV", "MCMXCIV", "IIII", "")),
    ("datetime|timestamp", ("2024-02-29T12:30:00", "2024-02-29 12:30:00+00:00", "not a date")),
    ("date|day", ("2024-02-29", "29/02/2024", "2023-02-29", "31 December 2023")),
    ("time|minute|hour|duration", ("12:30", "1h30m", "90", "25:00")),
    ("currency", ("EUR", "USD", "eur", "$5")),
    ("price|amount|money|cost|currency", ("12.50", "£1,234.56", "$5", "-3.00", "free")),
    ("size|weight|dimension", ("10x20x30", "5 kg", "10MB", "1.5 GB")),
    ("page|range", ("1-5", "1,3,5-7", "5-1", "7")),
    ("phone", ("+44 20 7946 0958", "555-1234")),
    ("version", ("1.2.3", "2.0.0rc1", "1")),
    ("colou?r|hex", ("#ff8800", "ff8800", "#abc", "zz")),
    ("camel", ("camelCase", "CamelCaseString", "camelCase2", "not_camel")),
    ("snake", ("snake_case", "snake_case_string", "snake-case", "Snake")),
    ("slug|title|headline", ("my-blog-post", "My Blog Post!", "Top 10 Reasons To Love Dogs", "--x--")),
    ("palindrome", ("level", "A man a plan a canal Panama", "racecar", "nope")),
    ("pangram", ("The quick brown fox jumps over the lazy dog", "hello")),
    ("isogram", ("dermatoglyphics", "hello")),
    ("name|author|person|customer", ("Ada Lovelace", "Jane van der Berg", "lovelace, ada", "Cher")),
    ("flag|bool", ("yes", "no", "TRUE", "0", "maybe")),
    ("csv|row|record", ("a,b,c\n1,2,3", "a;b", ",")),
    ("setting|config|option|ini", ("key = value\n# comment\nother=1", "broken line", "[section]\nx=1")),
    ("doc|docstring", (
        "Short.\n\nLong text.\n\nArgs:\n    x (int): a number.\n\nReturns:\n    str: text.",
        "Short.\n\n:param int x: a number\n:returns: text\n:raises ValueError: never",
        "Short.\n\nParameters\n----------\nx : int\n    A number.\n\nReturns\n-------\nstr\n    text",
    )),
    ("number|numeric|digit|integer|decimal", ("42", "-3.14", "1e3", "+7", "4.0", "abc")),
    ("line|margin|indent", ("  one\n  two\n    three", "|one\n|two", "single")),
    ("bracket|expr|formula", ("(1 + 2) * 3", "((", "a[b]{c}")),
    ("country|region|zone", ("GB", "de", "US", "??")),
    ("code|isrc|iban", ("ABC-123", "GB82 WEST 1234 5698 7654 32")),
]  # fmt: skip


def samples_for(*names: str) -> list[Value]:
    """Strings of the formats that names of functions and arguments suggest."""
    found: list[Value] = []
    for name in names:
        for pattern, texts in SAMPLES:
            if re.search(rf"(?:^|_)(?:{pattern})s?(?:_|\d|$)", name.lower()):
                found += literals(*texts)
    return unique(found)


NAMED_TYPES: list[tuple[str, str]] = [
    (r"(^|_)match$", "Match"),
    (r"^(is|has|should|use|allow|include|strict|reverse|ignore|enable|with)_|^(strict|reverse|verbose|flag)$", "bool"),
    (r"(^|_)(n|num|count|size|length|index|idx|limit|width|height|year|month|day|page|level|depth|port|maxsplit|start|stop"
     r"|step|minutes|seconds|hours|days|quantity|copies|stars|max|min|total|offset|k|i|j|age)(s)?$", "int"),
    (r"(^|_)(rate|ratio|percent|price|amount|weight|factor|score|fraction|threshold|x|y|z|value)$", "float"),
    (r"(^|_)(path|file|filename|filepath|folder|directory|dir)$", "path"),
    (r"(^|_)(callback|func|function|fn|predicate|key|handler|factory|cmp|getter|default_factory)$", "callable"),
    (r"(^|_)(mapping|dict|data|options|settings|config|params|kwargs|headers|attrs|d|counts|prices)$", "dict"),
    (r"(^|_)(items|values|numbers|list|seq|sequence|iterable|it|iterator|rows|names|elements|args|words|lines|it1|it2"
     r"|src|l|xs|vals)$", "list"),
    (r"(^|_)(text|string|str|s|name|title|word|line|msg|message|char|prefix|suffix|pattern|url|sep|separator|label|code"
     r"|docstring|description|isbn|author|country|input|raw|content|source|delimiter)$", "str"),
    (r"(^|_)(b|bytes|payload|blob|buf|buffer)$", "bytes"),
]  # fmt: skip


def type_by_name(name: str) -> str:
    """The type that an argument's name suggests, '' when it says nothing."""
    return next((kind for pattern, kind in NAMED_TYPES if re.search(pattern, name.lower())), "")


def unique(values: Iterable[Value]) -> list[Value]:
    """The values without repetitions, in order."""
    found: dict[str, Value] = {}
    for value in values:
        found.setdefault(value.text, value)
    return list(found.values())
