"""Prices come from the config, else from a table of known age, else there are none and a reason; no network is used."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import date, datetime
from importlib.metadata import version
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from exx import prices
from exx.config.schema import Pricing
from exx.prices import Priced, Seller, find_price
from exx.records import Usage

OSS = "accounts/fireworks/models/gpt-oss-120b"
DAY = date(2026, 11, 23)


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever connects to anything fails the test."""

    def refuse(*_: Any) -> None:
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """Nothing remembered from another test."""
    prices._looked_up.cache_clear()
    yield
    prices._looked_up.cache_clear()


def rates(paid: Any, got: Any, cached: Any = None) -> SimpleNamespace:
    """Dollars per million tokens, as the table has them."""
    return SimpleNamespace(input_mtok=paid, output_mtok=got, cache_read_mtok=cached)


class Model(SimpleNamespace):
    """A model of the table: cheaper before the 1st of October 2026."""

    def get_prices(self, when: datetime) -> SimpleNamespace:
        """The rates of a moment."""
        return self.early if when.date() < date(2026, 10, 1) else self.late


class Shop(SimpleNamespace):
    """A provider of the table."""

    def find_model(self, name: str, **_: Any) -> Model | None:
        """By its full name."""
        return self.models.get(name)


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> None:
    """A price table in place of the real one: two providers, of which one has a prefix of its own."""
    tiered = SimpleNamespace(base=3, tiers=[(200_000, 6)])
    oss = Model(id="gpt-oss-120b", early=rates(1, 2), late=rates(4, 8, 0.5))
    long = Model(id="long", early=None, late=rates(tiered, 15))
    free = Model(id="pictures", early=None, late=rates(None, None))
    fireworks = Shop(id="fireworks", model_match=SimpleNamespace(starts_with="accounts/fireworks/"), models={OSS: oss})
    other = Shop(id="other", model_match=None, models={"long": long, "pictures": free})
    shops = {None: other, "fireworks": fireworks}

    def find(model: str, _: None, provider: str | None, address: str | None) -> tuple[Shop, Model]:
        shop = shops["fireworks" if provider or "fireworks" in (address or "") else None]
        found = shop.find_model(model)
        if found is None:
            raise LookupError(model)
        return shop, found

    snapshot = ModuleType("genai_prices.data_snapshot")
    snapshot.__dict__["get_snapshot"] = lambda: SimpleNamespace(providers=[other, fireworks], find_provider_model=find)
    monkeypatch.setitem(sys.modules, "genai_prices", ModuleType("genai_prices"))
    monkeypatch.setitem(sys.modules, "genai_prices.data_snapshot", snapshot)
    monkeypatch.setattr(prices, "version", lambda _: "9.9")


def found(model: str, *, batch: bool = False, seller: Seller | None = None, day: date = DAY) -> Priced:
    """A price that the config does not give."""
    return find_price(model, pricing=None, batch=batch, seller=seller, day=day)


def test_the_configs_price_comes_first(table: None) -> None:
    """Its discount is a factor for batches alone; its cached price is taken as it is."""
    pricing = Pricing(input_per_million=2.0, output_per_million=10.0, cached_input_per_million=0.5, batch_discount=0.25)
    online, batch = (find_price(OSS, pricing=pricing, batch=flag) for flag in (False, True))

    assert online.price is not None
    assert batch.price is not None
    # 60 × 2 + 40 × 0.5 + 10 × 10 = 240 millionths, and a quarter of them.
    usage = Usage(100, 10, 40, 7)
    assert (online.price.usd(usage), batch.price.usd(usage)) == (pytest.approx(240e-6), pytest.approx(60e-6))
    assert (online.price.source, online.batch, batch.batch) == ("config", False, True)


def test_the_table_is_named_with_its_version_and_the_day(table: None) -> None:
    """And batches are at half of its rates, cached tokens too."""
    priced = found(OSS, batch=True)

    assert priced.price is not None
    assert (priced.price.source, priced.price.date) == ("genai-prices 9.9, fireworks gpt-oss-120b", "2026-11-23")
    # (60 × 4 + 40 × 0.5 + 10 × 8) / 2 = 170 millionths.
    assert priced.price.usd(Usage(100, 10, 40)) == pytest.approx(170e-6)


def test_a_day_has_its_own_price(table: None) -> None:
    """A run made in September keeps September's; cached tokens then cost what the others do."""
    price = found(OSS, day=date(2026, 9, 1)).price

    assert price is not None
    assert (price.input_per_million, price.output_per_million, price.cached_per_million) == (1.0, 2.0, None)


def test_steps_are_told(table: None) -> None:
    """Of a rate that rises with the prompt the first step counts, and there is a note."""
    priced = found("long", seller=Seller(address="https://api.example.com/v1"))

    assert priced.price is not None
    assert priced.price.input_per_million == 3.0
    assert "long prompts cost more" in str(priced.note)


@pytest.mark.parametrize(
    ("model", "seller", "reason"),
    [
        pytest.param("long", Seller(), "nobody is known to sell long", id="no seller"),
        pytest.param("./w/long.gguf", Seller(), "nobody is known to sell", id="weights"),
        pytest.param("long", Seller(address="http://localhost:8080/v1"), "nobody is known to sell", id="this machine"),
        pytest.param("long", Seller(address="http://10.0.0.7/v1"), "nobody is known to sell", id="this network"),
        pytest.param("some/long", Seller(), "9.9 does not list some/long", id="a path that is no prefix"),
        pytest.param(OSS + "x", Seller(), "9.9 does not list accounts", id="unknown at its seller's"),
        pytest.param("new", Seller(address="https://api.example.com"), "does not list new", id="unknown"),
        pytest.param(
            "pictures", Seller(address="https://api.example.com"), "without a price per token", id="other units"
        ),
    ],
)
def test_no_price_has_a_reason(table: None, model: str, seller: Seller, reason: str) -> None:
    """Somebody else's price is never taken for a model that runs at home; what to set is said."""
    priced = found(model, seller=seller)

    assert priced.price is None
    assert str(priced.reason).startswith("no price: ")
    assert reason in str(priced.reason)
    assert "pricing.input_per_million" in str(priced.reason)


def test_without_the_table_it_is_said_what_brings_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package is an extra."""
    monkeypatch.setitem(sys.modules, "genai_prices", None)
    monkeypatch.setitem(sys.modules, "genai_prices.data_snapshot", None)

    assert "pip install genai-prices" in str(found(OSS).reason)


def test_a_backend_says_who_sells() -> None:
    """By a name, or by where it asks; one that says neither is nobody's."""
    assert Seller.of(SimpleNamespace(price_provider="fireworks")) == Seller(provider="fireworks")
    assert Seller.of(SimpleNamespace(base_url="https://a.b/v1")) == Seller(address="https://a.b/v1")
    assert Seller.of(SimpleNamespace()) == Seller()


def test_the_real_table_has_the_default_model() -> None:
    """gpt-oss-120b at Fireworks, with a price for cached tokens, without a network."""
    pytest.importorskip("genai_prices")
    priced = found(OSS, batch=True)

    assert priced.price is not None
    assert priced.price.source == f"genai-prices {version('genai-prices')}, fireworks gpt-oss-120b"
    assert 0 < (priced.price.cached_per_million or 0) < priced.price.input_per_million < priced.price.output_per_million
    assert priced.price.factor == 0.5
    assert found("gpt-4o-mini", seller=Seller(address="https://api.openai.com/v1")).price is not None


def test_the_table_is_not_imported_before_it_is_needed() -> None:
    """It takes as long to import as most commands take to run; so do vocabularies."""
    code = (
        "import sys, exx.cli.running, exx.experiment, exx.pipeline.estimate, exx.pipeline.budget; print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert not {"genai_prices", "quicktok", "pydantic"} & set(done.stdout.split())
