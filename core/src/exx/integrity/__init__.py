"""Pair integrity: how every planned answer ended, whether one arm lost more, and what the lost ones could change."""

from exx.integrity.states import (
    FILE,
    STATES,
    ArmStates,
    Integrity,
    PairLoss,
    Skipped,
    fair_coin,
    read_integrity,
    read_skipped,
)
from exx.integrity.worst import Bound, WorstCase

__all__ = [
    "FILE",
    "STATES",
    "ArmStates",
    "Bound",
    "Integrity",
    "PairLoss",
    "Skipped",
    "WorstCase",
    "fair_coin",
    "read_integrity",
    "read_skipped",
]
