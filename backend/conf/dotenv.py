"""Reads a ``.env`` file as Docker Compose does, so that a variable has the same value in both.

https://github.com/compose-spec/compose-go/blob/main/dotenv/parser.go is what Compose itself runs.
The Python libraries each read ``$``, ``#``, quotes, and escapes in their own way.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

# White space other than line ends.
BLANK = " \t\v\f\r\x85\xa0"
KEY = re.compile(r"(?:export[^\S\n]+)?(?P<name>[\w.\-\[\]]*)[^\S\n]*(?P<sign>[=:\n]|\Z)")
ESCAPE = re.compile(r'\\([abcfnrtv$"\\]|0\d{0,3})')
ESCAPED = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
ESCAPED |= {"$": "$$", '"': '"', "\\": "\\"}
# $$, $NAME and the beginning of ${NAME...}
REFERENCE = re.compile(r"\$(?:(?P<dollar>\$)|(?P<name>[A-Za-z_]\w*)|(?P<brace>\{))", re.ASCII)
BRACED = re.compile(r"([A-Za-z_]\w*)(?:(:?[-+?])(.*))?", re.ASCII | re.DOTALL)


class SyntaxProblem(Exception):  # noqa: N818  it becomes an error of the start
    """A line that Compose refuses too. ``str()`` contains no value from the file."""

    def __init__(self, line: int, problem: str, fix: str) -> None:
        super().__init__(problem)
        self.line, self.fix = line, fix


@dataclass
class File:
    """``values`` by name; ``unset``: line and name of values that refer to unset variables."""

    values: dict[str, str] = field(default_factory=dict)
    unset: list[tuple[int, str]] = field(default_factory=list)


def parse(text: str, environ: Mapping[str, str]) -> File:
    """The variables of a ``.env`` file. References are looked up in ``environ`` first.

    Raises SyntaxProblem.
    """
    return _Parser(text, environ).run()


class _Parser:
    def __init__(self, text: str, environ: Mapping[str, str]) -> None:
        self.text = text
        self.environ = environ
        self.at = 0
        self.file = File()

    def run(self) -> File:
        while self._find_statement():
            name, has_value = self._key()
            if has_value:
                self.file.values[name] = value = self._value(name)
                if "\0" in value:
                    raise SyntaxProblem(
                        self.line,
                        f"the value of {name} contains a NUL byte, which a variable cannot contain",
                        "Remove it.",
                    )
            elif name in self.environ:
                self.file.values[name] = self.environ[name]
        return self.file

    @property
    def line(self) -> int:
        return self.text.count("\n", 0, self.at) + 1

    def _find_statement(self) -> bool:
        """Skip white space and comments; False at the end of the file."""
        while self.at < len(self.text):
            if self.text[self.at] == "#":
                self.at = self._end_of_line()
            elif self.text[self.at].isspace():
                self.at += 1
            else:
                return True
        return False

    def _end_of_line(self) -> int:
        end = self.text.find("\n", self.at)
        return len(self.text) if end < 0 else end

    def _key(self) -> tuple[str, bool]:
        match = KEY.match(self.text, self.at)
        if not match or not match["name"]:
            raise SyntaxProblem(
                self.line,
                "this is not a line of the form NAME=value",
                "Write NAME=value. A name consists of letters, digits, and _. Enclose a value of "
                "several lines in quotes.",
            )
        self.at = match.end()
        return match["name"], match["sign"] in ("=", ":")

    def _value(self, name: str) -> str:
        while self.text[self.at : self.at + 1] and self.text[self.at] in BLANK:
            self.at += 1
        line, quote = self.line, self.text[self.at : self.at + 1]
        if quote and quote in "\"'":
            inner = self._quoted(name, quote)
            if quote == "'":
                return inner
            return self._expanded(_without_escapes(inner), name, line)
        end = self._end_of_line()
        value = self.text[self.at : end].partition(" #")[0].rstrip()
        self.at = end
        return self._expanded(value, name, line)

    def _quoted(self, name: str, quote: str) -> str:
        """The text between quotes. A backslash before a quote makes it part of the value."""
        inner = re.compile(rf"{quote}((?:[^{quote}\\]|\\.)*){quote}", re.DOTALL)
        match = inner.match(self.text, self.at)
        if not match:
            raise SyntaxProblem(
                self.line,
                f"the value of {name} begins with {quote} but does not end with it",
                f"End it with {quote}, or write a backslash before each {quote} inside it.",
            )
        self.at = match.end()
        return match[1].replace(f"\\{quote}", quote)

    def _expanded(self, value: str, name: str, line: int) -> str:
        """``value`` with its references replaced; an unset variable is empty, and recorded."""

        def look_up(wanted: str) -> str | None:
            return self.environ.get(wanted, self.file.values.get(wanted))

        def note() -> None:
            self.file.unset.append((line, name))

        try:
            return _substitute(value, look_up, note)
        except ValueError as error:
            raise SyntaxProblem(
                line,
                f"in the value of {name}, {error}",
                "Put the value in single quotes, which keep every $ as it is.",
            ) from None


def _without_escapes(value: str) -> str:
    def character(match: re.Match[str]) -> str:
        code = match[1]
        if code in ESCAPED:
            return ESCAPED[code]
        if re.fullmatch("0[0-3][0-7]{2}", code):
            return chr(int(code, 8))
        return "\\" + code.removeprefix("0")

    return ESCAPE.sub(character, value)


def _substitute(value: str, look_up: Callable[[str], str | None], note: Callable[[], None]) -> str:
    """Raises ValueError for an invalid ``${``, or for one that requires an unset variable."""
    parts, at = [], 0
    while match := REFERENCE.search(value, at):
        parts.append(value[at : match.start()])
        at = match.end()
        if match["dollar"]:
            parts.append("$")
        elif match["name"]:
            if (known := look_up(match["name"])) is None:
                note()
            parts.append(known or "")
        else:
            end = _closing_brace(value, at)
            parts.append(_braced(value[at:end], look_up, note))
            at = end + 1
    return "".join(parts) + value[at:]


def _closing_brace(value: str, at: int) -> int:
    depth = 1
    for match in re.compile(r"\$\{|\}").finditer(value, at):
        depth += 1 if match[0] == "${" else -1
        if depth == 0:
            return match.start()
    raise ValueError("${ has no } after it")


def _braced(inner: str, look_up: Callable[[str], str | None], note: Callable[[], None]) -> str:
    match = BRACED.fullmatch(inner)
    if not match:
        raise ValueError("${...} does not contain the name of a variable")
    name, operator, other = match.groups()
    known = look_up(name)
    if operator is None:
        if known is None:
            note()
        return known or ""
    # With a colon, empty counts as unset.
    is_set = bool(known) if operator.startswith(":") else known is not None
    if operator.endswith("+"):
        return _substitute(other, look_up, note) if is_set else ""
    if is_set:
        return known or ""
    if operator.endswith("?"):
        raise ValueError("${NAME?...} requires a variable that is not set")
    return _substitute(other, look_up, note)
