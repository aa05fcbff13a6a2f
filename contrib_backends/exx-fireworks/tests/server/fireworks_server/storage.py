"""The object storage: URLs that are worth something for ten minutes to whoever sends exactly the signed headers."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path
from urllib.parse import quote, urlencode

from attrs import frozen

from fireworks_server.clock import words
from fireworks_server.replies import Reply, storage_error
from fireworks_server.world import World

BUCKET = "/storage/fireworks-data/"


@frozen
class Ticket:
    """What a signature is over.

    Attributes:
        method: GET or PUT.
        path: Path of the address.
        began: When it was made, by the clock.
        lifetime: Seconds.
        headers: Signed headers with their values.
    """

    method: str
    path: str
    began: float
    lifetime: int
    headers: dict[str, str]

    def signature(self, secret: bytes) -> str:
        """In hex."""
        signed = repr((self.method, self.path, f"{self.began:.3f}", self.lifetime, sorted(self.headers.items())))
        return hmac.new(secret, signed.encode(), hashlib.sha256).hexdigest()


def sign(world: World, host: str, method: str, object_path: str, headers: dict[str, str]) -> str:
    """Make an address of an object."""
    path = BUCKET + quote(object_path)
    signed = {"host": host, **headers}
    ticket = Ticket(method, path, world.clock.now(), world.settings.url_lifetime, signed)
    signature = ticket.signature(world.secret)
    world.signatures.add(signature)
    query = {
        "X-Goog-Algorithm": "GOOG4-RSA-SHA256",
        "X-Goog-Credential": "gateway@fireworks.iam.gserviceaccount.com/20261123/auto/storage/goog4_request",
        "X-Goog-Date": f"{ticket.began:.3f}",
        "X-Goog-Expires": str(ticket.lifetime),
        "X-Goog-SignedHeaders": ";".join(sorted(signed)),
        "X-Goog-Signature": signature,
    }
    return f"http://{host}{path}?{urlencode(query)}"


def check(world: World, method: str, path: str, query: dict[str, str], headers: dict[str, str]) -> None:
    """Let a call through, or not.

    Raises:
        Refusal: The URL is too old, a signed header is missing or different, or there is one too many.
    """
    if "authorization" in headers:
        raise storage_error(400, "InvalidArgument", "Only one authentication mechanism is allowed.", "Authorization")
    names = query.get("X-Goog-SignedHeaders", "host").split(";")
    try:
        began, lifetime = float(query["X-Goog-Date"]), int(query["X-Goog-Expires"])
    except (KeyError, ValueError):
        raise storage_error(403, "AccessDenied", "Access denied.", "Anonymous caller") from None
    ticket = Ticket(method, path, began, lifetime, {name: headers.get(name, "") for name in names})
    about = f"{method} {path} {query.get('X-Goog-Signature')} {names}"
    unsigned = [name for name in headers if name.startswith("x-goog-") and name not in names]
    if unsigned or not hmac.compare_digest(ticket.signature(world.secret), query.get("X-Goog-Signature", "")):
        raise storage_error(403, "SignatureDoesNotMatch", "Access denied.", f"{about} {unsigned}")
    if world.clock.now() > began + lifetime:
        said = f"The provided token has expired. Request signature expired at: {words(began + lifetime)} {about}"
        raise storage_error(world.settings.expired_status, "ExpiredToken", "Invalid argument.", said)


def put(world: World, object_path: str, upload: Path, headers: dict[str, str]) -> Reply:
    """Keep what was sent."""
    size = upload.stat().st_size
    low, _, high = headers.get("x-goog-content-length-range", f"0,{2**40}").partition(",")
    if not int(low) <= size <= int(high):
        raise storage_error(400, "EntityTooLarge", "Your proposed upload is outside the allowed range.", str(size))
    upload.replace(world.path(object_path))
    return Reply(200)


def get(world: World, object_path: str) -> Reply:
    """Hand out what is kept."""
    path = world.path(object_path)
    if not path.is_file():
        raise storage_error(404, "NoSuchKey", "The specified key does not exist.", object_path)
    return Reply(200, kind="application/octet-stream", file=path)
