"""Reads Parquet a few rows at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from exx.errors import DataError
from exx.reading.layout import Layout
from exx.reading.log import ReadLog, Row, UnusableRow

MAX_GROUP = 2_000_000_000
MAX_BATCH = 256_000_000
_ROWS = 1_024


def read_parquet(path: Path, log: ReadLog, layout: Layout) -> Iterator[Row]:
    """Yield a mapping of column to value for every row, with its number from 0.

    Args:
        path: The file.
        log: Takes what cannot be used.
        layout: Says which columns to read, and which there must be.

    Raises:
        DataError: Not a whole Parquet file; a column is missing; more in a group of rows, or in a few rows, than memory
            should have to hold.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            _check_groups(file.metadata, log.where)
            names = file.schema_arrow.names
            layout.check_columns(names, log, "")
            wanted = None if layout.columns is None else [name for name in names if name in layout.columns]
            number = 0
            for batch in file.iter_batches(batch_size=_ROWS, columns=wanted):
                if batch.nbytes > MAX_BATCH:
                    reason = f"rows {number} to {number + batch.num_rows - 1} take more than {MAX_BATCH:,} bytes"
                    raise DataError(log.where, reason)
                yield from _rows(batch, number, log)
                number += batch.num_rows
    except (pa.ArrowException, OSError) as cause:
        raise DataError(log.where, f"not a whole Parquet file: {cause}") from cause


def _rows(batch: Any, first: int, log: ReadLog) -> Iterator[Row]:
    names = batch.schema.names
    try:
        columns = [column.to_pylist() for column in batch.columns]
    except UnicodeDecodeError:
        yield from _one_by_one(batch, first, log)
        return
    for number, values in enumerate(zip(*columns, strict=True), start=first):
        yield Row(f"row {number}", dict(zip(names, values, strict=True)))


def _one_by_one(batch: Any, first: int, log: ReadLog) -> Iterator[Row]:
    for number in range(batch.num_rows):
        try:
            (value,) = batch.slice(number, 1).to_pylist()
        except UnicodeDecodeError as cause:
            log.refuse(f"row {first + number}", UnusableRow(f"a text is not UTF-8: {cause}"))
        else:
            yield Row(f"row {first + number}", value)


def _check_groups(metadata: Any, where: str) -> None:
    for number in range(metadata.num_row_groups):
        if metadata.row_group(number).total_byte_size > MAX_GROUP:
            reason = f"row group {number} unpacks to more than {MAX_GROUP:,} bytes"
            raise DataError(where, reason, hint="write the file anew with smaller row groups")
