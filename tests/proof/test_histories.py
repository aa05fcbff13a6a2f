"""Whatever happens to a run, in whatever order: when it is finished, it is as if nothing had happened."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any, ClassVar

import pytest
from attrs import evolve, frozen
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from proof_lab import KINDS, Place, Told, Watch, Zygote, damage, different, write_items

RESUME = ("resume", "k", "--quiet")
STORE = "experiments/responses.sqlite"


@frozen
class World:
    """What the results of a run depend on.

    Attributes:
        seed: In the config.
        price: In the config.
        parts: On the command line.
        prompt: Text of the treatment, in a file.
        items: How many there are in the dataset's file.
        trials: 1 or 2, the same for a whole history.
    """

    seed: int = 1337
    price: float = 1.0
    parts: int = 2
    prompt: str = "Answer, when sure."
    items: int = 8
    trials: int = 1

    def write(self, place: Place) -> None:
        """Write the config and the files it names."""
        (place.folder / "control.txt").write_text("Answer.\n")
        (place.folder / "treatment.txt").write_text(f"{self.prompt}\n")
        write_items(place.folder, self.items)
        place.configure(
            stats={"bootstrap_samples": 100, "random_seed": self.seed},
            prompt_sets={"mine": {"control": "control.txt", "treatment": "treatment.txt"}},
            default_prompt_set="mine",
            pricing={"input_per_million": self.price, "output_per_million": 4.0},
            sweep={"top_p": [1.0, 0.5][: self.trials]},
        )

    @property
    def run(self) -> tuple[str, ...]:
        """The command."""
        return ("run", "e.yaml", "--run-id", "k", "--parts-per-dataset", str(self.parts), "--quiet")


OTHERWISE: dict[str, tuple[Any, Any]] = {
    "seed": (1337, 7),
    "price": (1.0, 2.5),
    "parts": (2, 3),
    "prompt": ("Answer, when sure.", "Think, then answer."),
    "items": (8, 9),
}
THEN = st.sampled_from(["run", "resume", "nothing"])
STOPS = ["SIGTERM", "SIGINT", "experiments/run_k/STOP_REQUESTED"]


class Histories(RuleBasedStateMachine):
    """A run, and what may happen to it."""

    zygote: ClassVar[Zygote]
    home: ClassVar[Path]
    calm: ClassVar[dict[World, dict[str, bytes]]]

    def __init__(self) -> None:
        super().__init__()
        self.place = Place(Path(tempfile.mkdtemp(dir=self.home)), self.zygote)
        self.watch = Watch(self.place)
        self.world = World()
        self.damaged: set[str] = set()

    def teardown(self) -> None:
        """Clear the place away."""
        shutil.rmtree(self.place.folder)

    @initialize(trials=st.sampled_from([1, 1, 2]), first=THEN)
    def begin(self, trials: int, first: str) -> None:
        """Write the experiment; perhaps run it."""
        self.world = World(trials=trials)
        self.world.write(self.place)
        self._then(first)

    # What happens

    @rule(point=st.one_of(st.integers(1, 25), st.integers(26, 130)), force=st.booleans(), then=THEN)
    def die(self, point: int, force: bool, then: str) -> None:
        """Between two writes."""
        told = self._go(*self.world.run, *(["--force"] if force else []), fault=point)
        assert told.status in (137, 0) or (not force and self._other_settings(told)), told.err
        self._then(then)

    @rule(after=st.integers(1, 16), how=st.sampled_from(STOPS), then=THEN)
    def stop(self, after: int, how: str, then: str) -> None:
        """On request, while the model is asked."""
        order = self.place.folder / "STOP.json"
        order.write_text(json.dumps({"after": after, "how": how}))
        asked = len(self.watch.asked)
        told = self._go(*self.world.run, "--force")
        order.unlink()
        assert told.status in (0, 3), told.err
        assert (told.status == 3) == ("exx: stopped: " in told.err)
        if told.status == 3:
            assert len(self.watch.asked) - asked >= after
            assert self.place.status() == "stopped"
        self._then(then)

    @precondition(lambda self: self.place.run_folder().exists())
    @rule(kind=st.sampled_from(KINDS), number=st.integers(0, 60), then=THEN)
    def spoil(self, kind: str, number: int, then: str) -> None:
        """Something happens to a file of the run."""
        folder = self.place.run_folder()
        files = [str(p.relative_to(folder)) for p in sorted(folder.rglob("*")) if p.is_file() and p.name != ".lock"]
        if files:
            name = files[number % len(files)]
            damage(folder / name, kind)
            self.damaged.add(name)
        self._then(then)

    @precondition(lambda self: self.place.store.exists())
    @rule(kind=st.sampled_from(KINDS), then=THEN)
    def spoil_store(self, kind: str, then: str) -> None:
        """Something happens to the responses."""
        damage(self.place.store, kind)
        self.watch.store_was(damaged=kind != "removed")
        self._then(then)

    @rule(what=st.sampled_from(sorted(OTHERWISE)), then=THEN)
    def change(self, what: str, then: str) -> None:
        """Somebody edits the config, or a file it names, or will give another option."""
        one, other = OTHERWISE[what]
        self.world = evolve(self.world, **{what: other if getattr(self.world, what) == one else one})
        self.world.write(self.place)
        self._then(then)

    def _then(self, what: str) -> None:
        if what == "run":
            self._run()
        elif what == "resume" and self.place.run_folder().exists():
            self._resume()

    def _run(self) -> None:
        """To the end; other settings have to be insisted on."""
        known = self._started_with()
        told = self._go(*self.world.run)
        if known is not None and known != evolve(known, **self._settings()):
            assert self._other_settings(told)
        if self._other_settings(told):
            told = self._go(*self.world.run, "--force")
        self._check_end(told, self.world)

    def _resume(self) -> None:
        """To the end, with the settings the run was started with, whatever the config says now."""
        told = self._go(*RESUME)
        self.damaged.discard("run_state.json")  # read, and put right, or not to be had
        if told.status == 1 and "run k in experiments does" in told.err:  # nobody knows how it was started any more
            return
        known = self._started_with()
        assert known is not None
        self._check_end(told, known)

    # What must be true

    @invariant()
    def claims_hold(self) -> None:
        """What a ledger says is done is on disk, except where somebody has damaged it since."""
        if not {name for name in self.damaged if name.endswith(("run_state.json", "trial_manifest.json"))}:
            assert set(self.place.false_claims()) <= self.damaged

    def _other_settings(self, told: Told) -> bool:
        """The run was refused because of what somebody changed in the config, and says what that was."""
        said = "exx: run k was started with other settings:\n" in told.err
        what = ("stats.random_seed: ", "pricing.input_per_million: ", "options.parts_per_dataset: ")
        return told.status == 1 and said and any(words in told.err for words in what)

    def _go(self, *arguments: str, fault: int = 0) -> Told:
        """Be ``exx``; when the store is refused as damaged, do as the message says, and try once more."""
        told = self.place.run(*arguments, fault=fault)
        if self.watch.blind and told.status == 1 and f"exx: response store {STORE}: " in told.err:
            assert f"→ the file is damaged: move {STORE} away and resume" in told.err
            self.watch.look()
            for path in self.place.store.parent.glob("responses.sqlite*"):
                path.unlink()
            self.watch.store_was(damaged=False)
            told = self.place.run(*arguments, fault=fault)
        assert "Traceback" not in told.err and "this is a defect" not in told.err
        self.watch.look()
        return told

    def _settings(self) -> dict[str, Any]:
        """What of the world is remembered with a run; the rest is in files."""
        return {"seed": self.world.seed, "price": self.world.price, "parts": self.world.parts}

    def _started_with(self) -> World | None:
        """The world as the run remembers its settings; None if it does not."""
        path = self.place.run_folder() / "run_state.json"
        if not path.exists() or path.name in self.damaged:
            return None
        state = json.loads(path.read_bytes())
        stats, price = state["config"]["stats"], state["config"]["pricing"]["input_per_million"]
        parts = state["options"]["parts_per_dataset"]
        return evolve(self.world, seed=stats["random_seed"], price=price, parts=parts)

    def _check_end(self, told: Told, world: World) -> None:
        """Hold a finished run against one of the same world to which nothing happened."""
        self.damaged.clear()
        assert told.status == 0, told.err
        assert (self.place.status(), self.place.litter(), self.place.false_claims()) == ("done", [], [])
        assert different(self.place.artifacts(), self._wanted(world)) == []

    def _wanted(self, world: World) -> dict[str, bytes]:
        if world not in self.calm:
            place = Place(Path(tempfile.mkdtemp(dir=self.home)), self.zygote)
            world.write(place)
            assert place.run(*world.run).status == 0
            self.calm[world] = place.artifacts()
        return self.calm[world]


@pytest.mark.slow
def test_whatever_happens_a_finished_run_is_as_if_nothing_had_happened(processes: list[Zygote], home: Path) -> None:
    """Deaths, stops, damage and changes of mind in any order; same results, nothing asked twice, nothing left about."""

    class Here(Histories):
        zygote = processes[0]
        calm: ClassVar[dict[World, dict[str, bytes]]] = {}

    Here.home = home
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Here, settings=settings(max_examples=12, stateful_step_count=8, suppress_health_check=list(HealthCheck))
    )
