"""Whatever happens to a run, in whatever order: when it is finished, it is as if nothing had happened."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from proof_lab import KINDS, Place, Told, Watch, Zygote, damage, different, write_items

RUN = ("run", "e.yaml", "--run-id", "k", "--parts-per-dataset", "2", "--quiet")
RESUME = ("resume", "k", "--quiet")
STORE = "experiments/responses.sqlite"
World = tuple[int, str, float, int]
"""What the results depend on: seed, prompt of the treatment, price, number of items."""

SEEDS, PROMPTS, PRICES, ITEMS = (1337, 7), ("Answer, when sure.", "Think, then answer."), (1.0, 2.5), (8, 9)


def make_world(place: Place, world: World) -> None:
    """Write the config and the files it names."""
    seed, prompt, price, items = world
    (place.folder / "control.txt").write_text("Answer.\n")
    (place.folder / "treatment.txt").write_text(f"{prompt}\n")
    write_items(place.folder, items)
    place.configure(
        stats={"bootstrap_samples": 100, "random_seed": seed},
        prompt_sets={"mine": {"control": "control.txt", "treatment": "treatment.txt"}},
        default_prompt_set="mine",
        pricing={"input_per_million": price, "output_per_million": 4.0},
    )


class Histories(RuleBasedStateMachine):
    """A run, and what may happen to it."""

    zygote: ClassVar[Zygote]
    home: ClassVar[Path]
    calm: ClassVar[dict[World, dict[str, bytes]]]

    def __init__(self) -> None:
        super().__init__()
        self.place = Place(Path(tempfile.mkdtemp(dir=self.home)), self.zygote)
        self.watch = Watch(self.place)
        self.world: World = (SEEDS[0], PROMPTS[0], PRICES[0], ITEMS[0])
        self.damaged: set[str] = set()

    def teardown(self) -> None:
        """Clear the place away."""
        shutil.rmtree(self.place.folder)

    @initialize()
    def begin(self) -> None:
        """Write the experiment."""
        make_world(self.place, self.world)

    # What happens

    @rule()
    def run(self) -> None:
        """To the end; other settings have to be insisted on."""
        told = self._go(*RUN)
        if self._other_settings(told):
            told = self._go(*RUN, "--force")
        self._check_end(told, RUN)

    @rule()
    def resume(self) -> None:
        """To the end, with the settings the run was started with, whatever the config says now."""
        told = self._go(*RESUME)
        if told.status == 1 and "run k in experiments does" in told.err:  # nobody knows how it was started any more
            return
        self._check_end(told, RESUME)

    @rule(point=st.integers(1, 110), force=st.booleans())
    def die(self, point: int, force: bool) -> None:
        """Between two writes."""
        told = self._go(*RUN, *(["--force"] if force else []), fault=point)
        assert told.status in (137, 0) or (not force and self._other_settings(told)), told.err

    @rule(after=st.integers(1, 16), how=st.sampled_from(["SIGTERM", "SIGINT", "experiments/run_k/STOP_REQUESTED"]))
    def stop(self, after: int, how: str) -> None:
        """On request, while the model is asked."""
        order = self.place.folder / "STOP.json"
        order.write_text(json.dumps({"after": after, "how": how}))
        asked = len(self.watch.asked)
        told = self._go(*RUN, "--force")
        order.unlink()
        assert told.status in (0, 3), told.err
        assert (told.status == 3) == ("exx: stopped: " in told.err)
        if told.status == 3:
            assert len(self.watch.asked) - asked >= after
            assert self.place.status() == "stopped"

    @rule(kind=st.sampled_from(KINDS), data=st.data())
    def spoil(self, kind: str, data: st.DataObject) -> None:
        """Something happens to a file of the run."""
        folder = self.place.run_folder()
        files = [str(p.relative_to(folder)) for p in sorted(folder.rglob("*")) if p.is_file() and p.name != ".lock"]
        if files:
            name = data.draw(st.sampled_from(files))
            damage(folder / name, kind)
            self.damaged.add(name)

    @rule(kind=st.sampled_from(KINDS))
    def spoil_store(self, kind: str) -> None:
        """Something happens to the responses."""
        if self.place.store.exists():
            damage(self.place.store, kind)
            self.watch.store_was(damaged=kind != "removed")

    @rule(which=st.integers(0, 3), value=st.integers(0, 1))
    def change(self, which: int, value: int) -> None:
        """Somebody edits the config, or a file it names."""
        options: tuple[tuple[Any, Any], ...] = (SEEDS, PROMPTS, PRICES, ITEMS)
        world: list[Any] = list(self.world)
        world[which] = options[which][value]
        seed, prompt, price, items = world
        self.world = (seed, prompt, price, items)
        make_world(self.place, self.world)

    # What must be true

    @invariant()
    def claims_hold(self) -> None:
        """What a ledger says is done is on disk, except where somebody has damaged it since."""
        if not {name for name in self.damaged if name.endswith(("run_state.json", "trial_manifest.json"))}:
            assert set(self.place.false_claims()) <= self.damaged

    def _other_settings(self, told: Told) -> bool:
        """The run was refused because of what somebody changed in the config, and says what that was."""
        said = "exx: run k was started with other settings:\n" in told.err
        return told.status == 1 and said and ("stats.random_seed: " in told.err or "pricing.input_per_m" in told.err)

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

    def _check_end(self, told: Told, command: tuple[str, ...]) -> None:
        """Hold a finished run against one of the same world to which nothing happened."""
        assert told.status == 0, told.err
        assert (self.place.status(), self.place.litter(), self.place.false_claims()) == ("done", [], [])
        seed, prompt, price, items = self.world
        if command == RESUME:
            known = json.loads((self.place.run_folder() / "run_state.json").read_bytes())["config"]
            seed, price = known["stats"]["random_seed"], known["pricing"]["input_per_million"]
        assert different(self.place.artifacts(), self._wanted((seed, prompt, price, items))) == []
        self.damaged.clear()

    def _wanted(self, world: World) -> dict[str, bytes]:
        if world not in self.calm:
            place = Place(Path(tempfile.mkdtemp(dir=self.home)), self.zygote)
            make_world(place, world)
            assert place.run(*RUN).status == 0
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
        Here, settings=settings(max_examples=20, stateful_step_count=12, suppress_health_check=list(HealthCheck))
    )
