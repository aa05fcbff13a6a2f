"""Datasets at the service: made, filled, waited for, and fetched.

A dataset's id is made from its job's, which is made from everything in it: so one that is there holds what it should,
and is used. Whoever was cut short while filling it goes on with the same one.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import define, field

from exx import BackendError, Transient
from exx_fireworks import transfer
from exx_fireworks.api import Api
from exx_fireworks.problems import Refused
from exx_fireworks.states import short

MULTIPART_LIMIT = 150_000_000
"""Bytes up to which a file is sent as a form; a larger one goes to a signed address."""

_PATIENCE = 20.0
_FIRST_LOOK = 0.25
_SLOWEST_LOOK = 3.0
_DAMAGES = 2


class NoAddress(Transient):
    """A dataset is there, and the service names no file of it: not yet, perhaps."""


@define
class Datasets:
    """The datasets of an account.

    Attributes:
        api: The service.
        sleep: Waits.
    """

    api: Api
    sleep: Callable[[float], None] = time.sleep
    _sent: set[str] = field(factory=set)
    _damages: Counter[str] = field(factory=Counter)

    def find(self, name: str) -> dict[str, Any] | None:
        """A dataset; None if there is none of this id."""
        try:
            return self.api.get(self.api.path(f"datasets/{name}"))
        except Refused as cause:
            if cause.is_absent:
                return None
            raise

    def provide(self, name: str, write: Callable[[], Path], rows: int) -> None:
        """See to it that a dataset is there and ready.

        Args:
            name: Its id.
            write: Writes its file; called only if it has to be sent.
            rows: How many rows it has.

        Raises:
            Transient: It is not ready yet, or something failed in passing; to be called again.
            BackendError: The service does not take it.
        """
        found = self.find(name)
        if found is None:
            path = write()
            self._create(name, rows)
            self._fill(name, path)
        elif not is_ready(found) and name not in self._sent:
            self._refuse_failed(name, found)
            self._fill(name, write())
        self._wait(name, found if found and is_ready(found) else None)

    def _create(self, name: str, rows: int) -> None:
        # Without the number of examples, as text and within "dataset", the service answers 400.
        body = {"datasetId": name, "dataset": {"userUploaded": {}, "exampleCount": str(rows)}}
        try:
            self.api.again(lambda: self.api.post(self.api.path("datasets"), body))
        except Refused as cause:
            if not cause.is_there:
                raise

    def _fill(self, name: str, path: Path) -> None:
        try:
            send = self._send_form if path.stat().st_size <= MULTIPART_LIMIT else self._send_signed
            self.api.again(lambda: send(name, path))
        except Refused as cause:
            if not cause.is_there:
                self._pass_damage(name, cause)
                raise
        self._sent.add(name)

    def _pass_damage(self, name: str, cause: Refused) -> None:
        """A long body that was cut on its way reads as bad JSON at the other end: worth another try, not many."""
        self._damages[name] += 1
        if cause.is_damage and self._damages[name] <= _DAMAGES:
            raise Transient(f"{cause.message} (it may have been cut short on its way)") from None

    def _send_form(self, name: str, path: Path) -> None:
        with transfer.Form(path) as form:
            self.api.send(self.api.path(f"datasets/{name}:upload"), form, form.headers)

    def _send_signed(self, name: str, path: Path) -> None:
        size = path.stat().st_size
        asked = {"filenameToSize": {path.name: str(size)}}
        urls = signed_urls(self.api.post(self.api.path(f"datasets/{name}:getUploadEndpoint"), asked))
        if len(urls) != 1:
            raise Transient(f"Fireworks gave {len(urls)} addresses to send {path.name} to")
        transfer.put_signed(self.api, next(iter(urls.values())), path)
        self.api.post(self.api.path(f"datasets/{name}:validateUpload"), {})

    def _wait(self, name: str, found: dict[str, Any] | None) -> None:
        waited, pause = 0.0, _FIRST_LOOK
        while found is None or not is_ready(found):
            if found is not None:
                self._refuse_failed(name, found)
                if waited >= _PATIENCE:
                    raise Transient(f"Fireworks has not taken dataset {name} in yet", retry_after=_PATIENCE)
                self.sleep(pause)
                waited, pause = waited + pause, min(_SLOWEST_LOOK, pause * 2)
            found = self.find(name) or {}

    def _refuse_failed(self, name: str, found: dict[str, Any]) -> None:
        """A dataset whose status is an error will not become ready: it is removed, and once more tried."""
        status = found.get("status") or {}
        code, said = str(status.get("code") or "OK"), self.api.key.hide(str(status.get("message") or ""))
        if code == "OK":
            return
        self._damages[name] += 1
        self._sent.discard(name)
        self.api.delete(self.api.path(f"datasets/{name}"))
        words = f"Fireworks did not take dataset {name}: {code}: {said}"
        if self._damages[name] > _DAMAGES:
            raise BackendError(words, hint="its rows are in batch_inputs; exx resume tries once more")
        raise Transient(words)

    def fetch(self, name: str, folder: Path, *, lineage: bool = False) -> list[Path]:
        """Download every file of a dataset into a folder, each under an address that was just made.

        Args:
            name: The dataset's id.
            folder: Where to; made when missing.
            lineage: Also those of the outputs that it continues; files are then named after their datasets, too.

        Raises:
            Transient: The dataset cannot be had just now, or a file broke off; ``NoAddress``: it has no files.
            Refused: There is no such dataset (``is_absent``).
        """
        folder.mkdir(parents=True, exist_ok=True)
        there: set[Path] = set()
        return self.api.again(lambda: self._fetch(name, folder, there, lineage))

    def _fetch(self, name: str, folder: Path, there: set[Path], lineage: bool) -> list[Path]:
        """Fetch what is not there yet."""
        query = {"downloadLineage": "true"} if lineage else {}
        urls = signed_urls(self.api.get(self.api.path(f"datasets/{name}:getDownloadEndpoint"), **query))
        if not urls:
            raise NoAddress(f"Fireworks gives no address for dataset {name}")
        places = {
            folder / safe_name(place.replace("/", "--") if lineage else place): url for place, url in urls.items()
        }
        for target, url in sorted(places.items()):
            if target not in there:
                transfer.download(self.api, url, target)
                there.add(target)
        return sorted(places)


def is_ready(dataset: dict[str, Any]) -> bool:
    """Whether a dataset is ready; the prefixed word has not been seen, and means the same."""
    return str(dataset.get("state") or "").removeprefix("DATASET_STATE_") == "READY"


def signed_urls(reply: dict[str, Any]) -> dict[str, str]:
    """The addresses in a reply, by the place of the file."""
    urls = reply.get("filenameToSignedUrls")
    return {str(place): str(url) for place, url in urls.items() if url} if isinstance(urls, dict) else {}


def safe_name(place: str) -> str:
    """The file name at the end of an object's path, and nothing that leads elsewhere."""
    name = short(place.rstrip("/").replace("\\", "/")) or place
    return name.replace("\0", "").lstrip(".") or "file"
