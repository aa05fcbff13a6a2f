"""What a model's tokens cost: the config's price, else that of a maintained table, else a reason why nobody knows.

The table is the package ``genai-prices``, the data that it was installed with: nothing is fetched. Its rates are those
of requests asked one by one; a batch service is reckoned at half of them, as Fireworks, OpenAI and Anthropic sell
theirs. It is imported when a price is asked for that the config does not give.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import lru_cache
from importlib.metadata import version
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from attrs import evolve, frozen

from exx.config.schema import Pricing
from exx.records import Price

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, Provider

BATCH_FACTOR = 0.5
_SET_IT = "set pricing.input_per_million and pricing.output_per_million in the config"
_PACKAGE = "genai-prices"


@frozen
class Seller:
    """Who is paid for a model's answers, as far as a backend says.

    Attributes:
        provider: The provider's name in the price table, such as ``fireworks``.
        address: Where it is asked, such as ``https://api.openai.com/v1``.
    """

    provider: str | None = None
    address: str | None = None

    @classmethod
    def of(cls, backend: Any) -> Seller:
        """The seller behind a backend: its ``price_provider``, else its ``base_url``, where it has one of them."""
        provider, address = (getattr(backend, name, None) for name in ("price_provider", "base_url"))
        return cls(provider if isinstance(provider, str) else None, address if isinstance(address, str) else None)


@frozen(kw_only=True)
class Priced:
    """A model with its price.

    Attributes:
        model: The model.
        price: What its tokens cost; None when nobody knows.
        batch: Whether the batch discount is in it.
        reason: Why there is no price.
        note: What the price leaves out, such as a higher rate for long prompts.
    """

    model: str
    price: Price | None = None
    batch: bool = False
    reason: str | None = None
    note: str | None = None


def find_price(
    model: str, *, pricing: Pricing | None, batch: bool, seller: Seller | None = None, day: date | None = None
) -> Priced:
    """Find what a model's tokens cost.

    Args:
        model: The model's name, as the backend is asked for it.
        pricing: The config's price, which comes before every other.
        batch: A batch service answers, so that the discount applies.
        seller: Who is paid; without one only a name that begins with its seller's own prefix is looked up.
        day: The day whose price it is to be; default: today (UTC).
    """
    if pricing is not None:
        price = Price(
            input_per_million=pricing.input_per_million,
            output_per_million=pricing.output_per_million,
            cached_per_million=pricing.cached_input_per_million,
            factor=pricing.batch_discount if batch else 1.0,
        )
        return Priced(model=model, price=price, batch=batch)
    day = day or datetime.now(UTC).date()
    found = _looked_up(model, seller or Seller(), day)
    if found.price is None:
        return found
    return evolve(found, price=evolve(found.price, factor=BATCH_FACTOR if batch else 1.0), batch=batch)


@lru_cache(maxsize=64)
def _looked_up(model: str, seller: Seller, day: date) -> Priced:
    """The table's rates of a day."""
    if not _may_be_listed(model, seller):
        return Priced(model=model, reason=f"no price: nobody is known to sell {model} where it is asked; {_SET_IT}")
    try:
        entry = _entry(model, seller)
    except ImportError:
        hint = f"pip install {_PACKAGE} brings a table of prices; or {_SET_IT}"
        return Priced(model=model, reason=f"no price: {hint}")
    source = f"{_PACKAGE} {version(_PACKAGE)}"
    if entry is None:
        return Priced(model=model, reason=f"no price: {source} does not list {model}; {_SET_IT}")
    provider, info = entry
    rates = info.get_prices(datetime(day.year, day.month, day.day, 12, tzinfo=UTC))
    paid, got, cached = (_rate(getattr(rates, f"{kind}_mtok", None)) for kind in ("input", "output", "cache_read"))
    if paid is None or got is None:
        return Priced(model=model, reason=f"no price: {source} lists {model} without a price per token; {_SET_IT}")
    price = Price(
        input_per_million=paid,
        output_per_million=got,
        cached_per_million=cached,
        source=f"{source}, {provider.id} {info.id}",
        date=day.isoformat(),
    )
    tiers = any(hasattr(getattr(rates, f"{kind}_mtok", None), "tiers") for kind in ("input", "output"))
    note = "long prompts cost more than this at the provider, which is left out" if tiers else None
    return Priced(model=model, price=price, note=note)


def _may_be_listed(model: str, seller: Seller) -> bool:
    """Whether it is worth looking: nobody sells what a server on this network, or a file of weights, answers."""
    if seller.provider is not None:
        return True
    if seller.address is not None and not _is_near(seller.address):
        return True
    return "/" in model and model[0] not in "/.~\\"


def _is_near(address: str) -> bool:
    host = urlsplit(address).hostname or ""
    try:
        return ip_address(host).is_private
    except ValueError:
        return "." not in host or host.endswith((".local", ".internal"))


def _entry(model: str, seller: Seller) -> tuple[Provider, ModelInfo] | None:
    """The table's entry of a model at its seller's; None if it has none."""
    from genai_prices.data_snapshot import get_snapshot

    table = get_snapshot()
    if seller.provider is None and (seller.address is None or _is_near(seller.address)):
        return _by_prefix(table.providers, model)
    try:
        return table.find_provider_model(model, None, seller.provider, seller.address)
    except LookupError:
        return None


def _by_prefix(providers: list[Provider], model: str) -> tuple[Provider, ModelInfo] | None:
    """The entry of a name that only one seller's models have, such as ``accounts/fireworks/models/…``."""
    for provider in providers:
        prefix = getattr(provider.model_match, "starts_with", None)
        if prefix and "/" in prefix and model.lower().startswith(prefix):
            info = provider.find_model(model.lower(), all_providers=providers)
            return (provider, info) if info is not None else None
    return None


def _rate(value: Any) -> float | None:
    """Dollars per million tokens; the first step of a rate that has several."""
    value = getattr(value, "base", value)
    return None if value is None else float(value)
