"""Reading the CSV files of a run row by row, a few columns at a time, however long the answers in them are."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter
from pathlib import Path

from exx.errors import DataError

_LONGEST_FIELD = 2**31 - 1


def allow_long_fields() -> None:
    """Let the csv module read fields over 131,072 characters, its own limit, which answers may be longer than.

    The limit is the process's. It is raised once and left there: setting it back would take it from a file still
    being read.
    """
    csv.field_size_limit(_LONGEST_FIELD)


def read_columns(
    path: Path, wanted: Sequence[str], *, optional: Sequence[str] = (), hint: str | None = None
) -> Iterator[tuple[str, ...]]:
    """Yield the wanted and then the optional columns of every row; an absent optional column reads as empty.

    Args:
        path: A UTF-8 file with a header.
        wanted: Columns that must be there; with ``optional``, at least two.
        optional: Columns that may be missing.
        hint: What makes the file anew, for the message when it cannot be read.

    Raises:
        DataError: The file is missing, is cut off, lacks a column, or is otherwise damaged; with the line.
    """
    allow_long_fields()
    line = 0
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.reader(lines, strict=True)
            header = next(reader, [])
            pick = _picker(path, header, wanted, optional, hint)
            for row in reader:
                line = reader.line_num
                if len(row) != len(header):
                    raise DataError(path, f"{len(row)} columns, expected {len(header)}", line=line, hint=hint)
                row.append("")
                yield pick(row)
    except FileNotFoundError as cause:
        raise DataError(path, "no such file", hint=hint) from cause
    except OSError as cause:
        raise DataError(path, f"cannot be read: {cause.strerror or cause}", hint=hint) from cause
    except (UnicodeDecodeError, csv.Error) as cause:
        raise DataError(path, f"damaged ({cause})", line=line + 1, hint=hint) from cause


def _picker(
    path: Path, header: Sequence[str], wanted: Sequence[str], optional: Sequence[str], hint: str | None
) -> Callable[[list[str]], tuple[str, ...]]:
    missing = [name for name in wanted if name not in header]
    if missing:
        found = f"found {', '.join(header)}" if header else "the file is empty"
        raise DataError(path, f"no column {', '.join(missing)}; {found}", line=1, hint=hint)
    where = {name: index for index, name in reversed(list(enumerate(header)))}
    pick: Callable[[list[str]], tuple[str, ...]] = itemgetter(
        *(where.get(n, len(header)) for n in (*wanted, *optional))
    )
    return pick
