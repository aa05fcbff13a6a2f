"""Who pays, and where the service is: key, account and address, from the environment and the options."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

from attrs import evolve

from exx import BackendError
from exx_fireworks.api import Api
from exx_fireworks.secret import Key

ORIGIN = "https://api.fireworks.ai"
_SLUG = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


@contextmanager
def opened(api_base: str | None, account: str | None, timeout: float, pause: float = 0.5) -> Iterator[Api]:
    """Make ready to call the service on an account; leaving the context closes the connections.

    Args:
        api_base: Where the service is, or None for the environment's or its own address.
        account: The account's slug, or None for the environment's or the only one.
        timeout: Seconds without a byte after which a call has failed.
        pause: Seconds before a call is repeated.

    Raises:
        BackendError: There is no key, or the account is not known.
    """
    slug = _slug(account or os.environ.get("FIREWORKS_ACCOUNT_ID", "").strip() or None)
    with Api(origin_of(api_base), _key(), slug or "", timeout, pause) as api:
        yield api if slug else evolve(api, account=_only_account(api))


def origin_of(api_base: str | None) -> str:
    """The service's address without a path.

    Raises:
        BackendError: It is not an address.
    """
    said = api_base or os.environ.get("FIREWORKS_API_BASE") or os.environ.get("FIREWORKS_BASE_URL") or ORIGIN
    origin = re.sub(r"(/inference)?(/v1)?/*$", "", said.strip())
    if not re.fullmatch(r"https?://[^/\s?#@]+(/[^\s?#@]*)?", origin):
        hint = "api_base, FIREWORKS_API_BASE or FIREWORKS_BASE_URL looks like https://api.fireworks.ai"
        raise BackendError("the address of the Fireworks API is not an http address", hint=hint)
    return origin


def _key() -> Key:
    said = os.environ.get("FIREWORKS_API_KEY", "").strip()
    if not said:
        hint = "export FIREWORKS_API_KEY=…, or put it in .env; the Fireworks console makes keys. --dry-run needs none"
        raise BackendError("no Fireworks API key: FIREWORKS_API_KEY is not set", hint=hint)
    if not said.isascii() or not said.isprintable() or " " in said:
        hint = "copy it again; it is one word of letters, digits and marks"
        raise BackendError("FIREWORKS_API_KEY is not a key: it holds a blank or an unusual character", hint=hint)
    return Key(said)


def _slug(said: str | None) -> str | None:
    if said is None:
        return None
    slug = said.removeprefix("accounts/").strip("/")
    if not _SLUG.fullmatch(slug):
        looks = "; this looks like a mail address" if "@" in slug else ""
        hint = f"it is the word behind accounts/ in the console's addresses{looks}"
        raise BackendError("the Fireworks account id is not one: expected letters a-z, digits and hyphens", hint=hint)
    return slug


def _only_account(api: Api) -> str:
    names = [str(found.get("name", "")) for found in api.pages("/v1/accounts", "accounts")]
    slugs = sorted({name.removeprefix("accounts/") for name in names} - {""})
    if len(slugs) == 1:
        return slugs[0]
    hint = "set FIREWORKS_ACCOUNT_ID, the option account_id, or --account-id to the one to use"
    if not slugs:
        raise BackendError("the Fireworks key sees no account", hint=hint)
    raise BackendError(f"the Fireworks key sees {len(slugs)} accounts: {', '.join(slugs)}", hint=hint)
