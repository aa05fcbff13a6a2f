"""``--account-id``: the account of this run, for backends that know accounts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import yaml
from attrs import frozen
from lab import Lab, Told

from exx.errors import UsageError
from exx.experiment import with_account
from exx.testing import FakeBatchBackend

Cli = Callable[..., Told]


@frozen(kw_only=True)
class Accounted(FakeBatchBackend):
    """A backend with accounts."""

    account_id: str | None = None


@pytest.fixture
def accounted(lab: Lab) -> Lab:
    """An experiment on that backend, with an account in its config."""
    lab.plugin.classes = {**lab.plugin.classes, "backends": [Accounted]}
    lab.settings["backend"] = {"name": "fake_batch", "account_id": "in-the-config"}
    return lab


@pytest.fixture
def registered(accounted: Lab, cli: Cli) -> Cli:
    """The command line, which knows that backend."""
    (accounted.folder / "experiment.yaml").write_text(yaml.safe_dump(accounted.settings))
    return cli


@pytest.mark.parametrize(("given", "known"), [((), "in-the-config"), (("--account-id", "acme"), "acme")])
def test_the_option_overrides_the_config_and_is_remembered(
    registered: Cli, lab: Lab, given: tuple[str, ...], known: str
) -> None:
    """A resumed run asks on the account on which its jobs are."""
    told = registered("run", "--run-id", "a", "--to-step", "build", "--quiet", *given)
    kept: Any = yaml.safe_load((lab.folder / "experiments/run_a/config.yaml").read_text())

    assert told.status == 0, told.err
    assert kept["backend"]["account_id"] == known


def test_a_backend_without_accounts_refuses_it(lab: Lab) -> None:
    """Silently asking on another account than was meant would be worse."""
    with pytest.raises(UsageError, match="the backend 'fake' knows no accounts"):
        with_account(lab.experiment().config, lab.registry(), "acme")
