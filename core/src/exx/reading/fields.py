"""A record's fields, asked for by name: each refusal says which field, what was expected and what was found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from attrs import frozen

from exx.reading.log import UnusableRow, shown


@frozen
class Fields:
    """An object of a JSON file, or a row of a table.

    Attributes:
        values: The fields.
        at: Path of this object within its row, for messages; empty for the row itself.
    """

    values: Mapping[str, Any]
    at: str = ""

    @classmethod
    def of(cls, value: Any, at: str = "", *, hint: str | None = None) -> Fields:
        """Insist that a value is an object.

        Raises:
            UnusableRow: It is not; ``hint`` says what to do.
        """
        if not isinstance(value, Mapping):
            raise UnusableRow(f"expected an object, found {shown(value)}", at, hint)
        return cls(value, at)

    def path(self, name: str) -> str:
        """Path of a field within the row."""
        return f"{self.at}.{name}" if self.at else name

    def get(self, name: str, *, hint: str | None = None) -> Any:
        """A field's value, whatever it is.

        Raises:
            UnusableRow: There is no such field.
        """
        try:
            return self.values[name]
        except KeyError:
            found = ", ".join(map(str, self.values)) or "none"
            raise UnusableRow(f"required, but missing; fields found: {found}", self.path(name), hint) from None

    def text(self, name: str) -> str:
        """A text, without white space at its ends; not empty.

        Raises:
            UnusableRow: It is missing, no text, or empty.
        """
        value = self.values.get(name)
        if type(value) is str and value.isascii() and (text := value.strip()):
            return text
        return text_of(self.get(name), lambda: self.path(name))

    def texts(self, name: str) -> tuple[str, ...]:
        """The distinct texts of a list, in their order; there may be none.

        Raises:
            UnusableRow: It is missing, no list, or one of its entries is no text or empty.
        """
        value = self.list(name)
        try:
            return tuple(dict.fromkeys(map(_quick, value)))
        except (AttributeError, ValueError, TypeError):
            return tuple(
                dict.fromkeys(text_of(entry, lambda n=n: f"{self.path(name)}[{n}]") for n, entry in enumerate(value))
            )

    def list(self, name: str) -> list[Any]:
        """A list.

        Raises:
            UnusableRow: It is missing, or something else.
        """
        value = self.get(name)
        if not isinstance(value, list):
            hint = f"write [{shown(value)}]" if isinstance(value, str) else None
            raise UnusableRow(f"expected a list, found {shown(value)}", self.path(name), hint)
        return value

    def inner(self, name: str) -> Fields:
        """An object within this one.

        Raises:
            UnusableRow: It is missing, or something else.
        """
        return Fields.of(self.get(name), self.path(name))

    def each(self, name: str) -> Iterator[Fields]:
        """The objects of a list, one by one.

        Raises:
            UnusableRow: It is missing or no list, or an entry is no object.
        """
        for number, value in enumerate(self.list(name)):
            yield Fields.of(value, f"{self.path(name)}[{number}]")


def _quick(value: Any) -> str:
    """A text that needs no message; ValueError for one that does."""
    text: str = str.strip(value)
    if not text or not text.isascii():
        text.encode()
    if not text:
        raise ValueError
    return text


def text_of(value: Any, path: Any) -> str:
    """Insist on a text, and take the white space off its ends.

    Args:
        value: What a file holds.
        path: Called for the path of the field, should there be something to say about it.

    Raises:
        UnusableRow: No text, empty, or not to be written in UTF-8.
    """
    if not isinstance(value, str):
        raise UnusableRow(f"expected text, found {shown(value)}", path())
    text = value.strip()
    if not text:
        raise UnusableRow("is empty", path())
    if not text.isascii():
        check_characters(text, path())
    return text


def check_characters(text: str, path: str) -> None:
    """Refuse half a character, as JSON can write it: no file and no model takes it.

    Raises:
        UnusableRow: The text cannot be written in UTF-8.
    """
    try:
        text.encode()
    except UnicodeEncodeError as cause:
        reason = f"holds half a character (U+{ord(text[cause.start]):04X}) at position {cause.start + 1}"
        raise UnusableRow(reason, path) from cause
