"""Every hook a plugin may implement.

A plugin is a module named by an entry point of the group ``exx``. It implements hooks by decorating plain functions
with ``exx.hookimpl``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from exx.interfaces import PluginClass
    from exx.observe import Job, Run

hookspec = pluggy.HookspecMarker("exx")
hookimpl = pluggy.HookimplMarker("exx")

HOOKSPEC_VERSION = "1.0"
"""The version of what is below: the first number goes up when an implementation may have to change, the second when a
hook or an argument is added. A plugin's module may say which versions it was made for: ``exx_hookspec = ">=1,<2"``."""

DEPRECATED: Mapping[str, str] = {}
"""Hooks that are going to be removed, each with what to do instead; a plugin that implements one is warned by name."""


class RegistrationSpecs:
    """What a plugin offers. Each hook is called at most once per process, when its kind is first needed.

    Each returns a list of classes; an empty list offers nothing. A name that two plugins claim is refused with the
    names of both. Keep the import of the class inside the function.
    """

    @hookspec
    def exx_register_datasets(self) -> list[PluginClass]:  # type: ignore[empty-body]
        """Offer classes that implement ``exx.Dataset``."""

    @hookspec
    def exx_register_prompt_sets(self) -> list[PluginClass]:  # type: ignore[empty-body]
        """Offer classes that implement ``exx.PromptSet``."""

    @hookspec
    def exx_register_backends(self) -> list[PluginClass]:  # type: ignore[empty-body]
        """Offer classes that implement ``exx.OnlineBackend`` or ``exx.BatchBackend``."""

    @hookspec
    def exx_register_scorers(self) -> list[PluginClass]:  # type: ignore[empty-body]
        """Offer classes that implement ``exx.Scorer``."""

    @hookspec
    def exx_register_detectors(self) -> list[PluginClass]:  # type: ignore[empty-body]
        """Offer classes that implement ``exx.Detector``."""

    @hookspec
    def exx_register_analyses(self) -> list[PluginClass]:  # type: ignore[empty-body]
        """Offer classes that implement one of the four analysis interfaces; ``level`` says which."""

    @hookspec
    def exx_register_reporters(self) -> list[PluginClass]:  # type: ignore[empty-body]
        """Offer classes that implement ``exx.Reporter``."""


class ObserverSpecs:
    """What happened, in the order in which it happens. An observer that fails is reported and the run goes on."""

    @hookspec
    def exx_run_started(self, run: Run) -> None:
        """A run begins, or goes on after a stop.

        Called once per process, before any phase, in the main thread.

        Args:
            run: Its id, folder and number of trials.
        """

    @hookspec
    def exx_phase_started(self, run: Run, trial: str, phase: str) -> None:
        """A phase is about to do work; phases that are already done are not announced.

        Args:
            run: The run.
            trial: Slug of the trial; empty for a phase of the whole run.
            phase: ``prepare``, ``build``, … as in ``exx plan``.
        """

    @hookspec
    def exx_progress(self, run: Run, trial: str, phase: str, done: int, total: int) -> None:
        """A phase got further. Called from the main thread, at most about ten times a second.

        Args:
            run: The run.
            trial: Slug of the trial.
            phase: Name of the phase.
            done: Units finished so far, those found in the response store included.
            total: Units there are.
        """

    @hookspec
    def exx_job_changed(self, run: Run, trial: str, job: Job) -> None:
        """A job at a batch service is in another state, or has something else to say.

        Called from the main thread, after the change was saved in trial_manifest.json.

        Args:
            run: The run.
            trial: Slug of the trial.
            job: The job as it is now.
        """

    @hookspec
    def exx_phase_finished(self, run: Run, trial: str, phase: str, outcome: str) -> None:
        """A phase has ended and its artifacts are on disk.

        Args:
            run: The run.
            trial: Slug of the trial.
            phase: Name of the phase.
            outcome: What it made, in words, such as ``"240 rows"``.
        """

    @hookspec
    def exx_run_finished(self, run: Run, outcome: str) -> None:
        """The process is done with the run.

        Args:
            run: The run.
            outcome: ``done``, ``stopped`` or ``failed``.
        """
