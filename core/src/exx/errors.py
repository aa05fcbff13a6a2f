"""Everything that exx refuses or fails at, as one small family of exceptions.

Each exception knows the exit status the command line ends with (contracts.md: 0 done, 1 failed, 2 usage or
configuration, 3 stopped and resumable, 4 a gate failed) and says what happened, where, and what to do next.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


class ExxError(Exception):
    """Anything exx reports to a person as one message and no traceback."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  → {self.hint}" if self.hint else self.message


class UsageError(ExxError):
    """The command line asks for something that does not exist or does not fit together."""

    exit_code = 2


class ConfigError(ExxError):
    """A configuration that cannot be used, with every problem found in it.

    Attributes:
        source: Where the configuration came from (a file, or words such as ``--set``).
        problems: One line each, beginning with the path of the key.
    """

    exit_code = 2

    def __init__(self, source: Path | str, problems: Sequence[str], *, hint: str | None = None) -> None:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__("\n".join([f"{source}: {count}", *(f"  {p}" for p in problems)]), hint=hint)
        self.source = source
        self.problems = tuple(problems)


class DataError(ExxError):
    """Input data that cannot be used.

    Attributes:
        path: The file, or a description of the source.
        line: Line within it, from 1; None where lines mean nothing.
        reason: What is wrong with it.
    """

    def __init__(self, path: Path | str, reason: str, *, line: int | None = None, hint: str | None = None) -> None:
        where = f"{path}, line {line}" if line is not None else f"{path}"
        super().__init__(f"{where}: {reason}", hint=hint)
        self.path = path
        self.line = line
        self.reason = reason


class PluginError(ExxError):
    """A plugin that cannot be imported, registered or called, named together with its distribution.

    Attributes:
        plugin: Name of the entry point.
        distribution: What ``pip`` knows it as, with its version.
    """

    def __init__(self, plugin: str, distribution: str, reason: str, *, hint: str | None = None) -> None:
        super().__init__(f"plugin {plugin!r} ({distribution}): {reason}", hint=hint)
        self.plugin = plugin
        self.distribution = distribution


class BackendError(ExxError):
    """A model that cannot be asked at all (one failed request is a ``Response`` with an error instead)."""


class Transient(BackendError):
    """Something that may well work when it is tried again: a lost connection, a server error, a download cut short.

    Attributes:
        retry_after: Seconds the service asked to wait; None if it did not say.
    """

    def __init__(self, message: str, *, retry_after: float | None = None, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after


class Throttled(Transient):
    """The service asks to go slower (HTTP 429 or 503): fewer requests are kept under way from here on."""


class QuotaReached(BackendError):
    """The service takes no further job for now, and certainly has not taken this one: it is offered again later."""


class RunError(ExxError):
    """A run whose state does not allow what was asked of it."""


class OverBudget(RunError):
    """What would be submitted next is expected to cost more than the run may; or it has cost more already."""


class GateFailed(ExxError):
    """A run that is done and whose results are not what was asked of them (``--fail-if``)."""

    exit_code = 4


class StopRequested(ExxError):
    """The run was asked to stop and did so at a safe point; ``exx resume`` goes on there."""

    exit_code = 3
