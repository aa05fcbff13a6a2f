"""The contracts of a plugin that is installed, as far as they can be tried here: no network, no key, no bill."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from attrs import frozen

from exx.errors import ExxError
from exx.plugins import Offer
from exx.testing.backends import check_backend
from exx.testing.contract import check_class, required_options
from exx.testing.datasets import check_dataset

_ITEMS = 500


@frozen
class Checked:
    """What became of one plugin's check.

    Attributes:
        offer: The plugin.
        state: ``ok``; ``in part`` where not everything could be tried here; ``failed``.
        detail: Why it is not ``ok``; empty if it is.
    """

    offer: Offer
    state: str
    detail: str = ""


class _InPartError(Exception):
    """What was tried was in order, and not everything could be tried."""


def check_offer(offer: Offer) -> Checked:
    """Try the contracts of an installed plugin, with every option at its default."""
    try:
        check_class(offer.kind, offer.cls)
        with _without_network():
            _check(offer)
    except _InPartError as short:
        return Checked(offer, "in part", str(short))
    except ExxError as refusal:
        return Checked(offer, "in part", f"refuses here: {refusal.message}")
    except AssertionError as broken:
        return Checked(offer, "failed", str(broken))
    except Exception as cause:  # whatever a plugin raises is what is wrong with it
        if os.environ.get("EXX_TRACE"):
            raise
        return Checked(offer, "failed", f"{type(cause).__name__}: {cause}")
    return Checked(offer, "ok")


def _check(offer: Offer) -> None:
    needed = required_options(offer.cls)
    if needed:
        raise _InPartError(f"needs {', '.join(needed)}; only its class was checked")
    if offer.kind == "dataset":
        if offer.cls().digest() is None:
            raise _InPartError("its source is not on this machine; only its class was checked")
        check_dataset(offer.cls, most=_ITEMS)
    elif offer.kind == "backend":
        simulates = bool(getattr(offer.cls, "simulates", False))
        check_backend(offer.cls, ask=simulates)
        if not simulates:
            raise _InPartError("was asked nothing, since a model may cost something")
    else:
        _contract(offer.kind)(offer.cls)


def _contract(kind: str) -> Callable[[Any], None]:
    from exx.testing import analyses, detectors, prompt_sets, reporters, scorers

    checks: dict[str, Callable[[Any], None]] = {
        "prompt_set": prompt_sets.check_prompt_set,
        "scorer": scorers.check_scorer,
        "detector": detectors.check_detector,
        "analysis": analyses.check_analysis,
        "reporter": reporters.check_reporter,
    }
    return checks[kind]


@contextmanager
def _without_network() -> Iterator[None]:
    """Let nobody reach another machine: what is not here cannot be checked here."""

    def refuse(*_: Any, **__: Any) -> NoReturn:
        raise OSError("exx plugins check uses no network")

    kept = socket.getaddrinfo, os.environ.get("HF_HUB_OFFLINE")
    socket.getaddrinfo = refuse
    os.environ["HF_HUB_OFFLINE"] = "1"
    try:
        yield
    finally:
        socket.getaddrinfo = kept[0]
        if kept[1] is None:
            os.environ.pop("HF_HUB_OFFLINE")
        else:
            os.environ["HF_HUB_OFFLINE"] = kept[1]
