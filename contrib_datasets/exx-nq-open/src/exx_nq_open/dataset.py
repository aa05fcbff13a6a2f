"""The dataset ``nq_open``: where its file comes from, and what it is pinned to.

Sources:
    Lee, Chang & Toutanova, ACL 2019, doi:10.18653/v1/P19-1612: the selection of questions.
    Kwiatkowski et al., TACL 2019, doi:10.1162/tacl_a_00276: the questions.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from attrs import field, frozen
from attrs.validators import in_, matches_re, min_len, optional

from exx import ON_ERROR, HubFile, Loaded, OnError, Provenance, ReadLog, Source, local_digest, obtain

REPO = "google-research-datasets/nq_open"
REVISION = "5dd9790a83002ad084ddeb7c420dc716852c6f28"
SHA256 = {
    "train": "25d3a544324f900b31ebc05a3a5686bdd5b9b42738133500675c3f20eee7d83a",
    "validation": "b074bed0bccb56fa1551a8ac1c9c51ce89bc11c7fbb6a9c713b2c33a98531e12",
}


@frozen(kw_only=True)
class NQOpen:
    """Questions that people asked a search engine, closed-book, with the short answers that were found for them.

    Attributes:
        source: The official JSON Lines, or the hub's rows as Parquet or JSON: a path or an http(s) address; may be
            packed. None fetches the hub's file.
        sha256: What the file must hash to, in hex; None takes a given source as it is, and for the hub's file at the
            default revision what it is known to be.
        revision: Commit of the hub repository; without effect when ``source`` is given.
        split: Which file of the hub repository; without effect when ``source`` is given.
        on_error: ``fail`` stops at the first question that cannot be used; ``skip`` leaves such questions out,
            and counts and lists them.
    """

    name: ClassVar[str] = "nq_open"

    source: Source | None = None
    sha256: str | None = field(default=None, validator=optional(matches_re("[0-9a-fA-F]{64}")))
    revision: str = field(default=REVISION, validator=min_len(1))
    split: Literal["validation", "train"] = field(default="validation", validator=in_(("validation", "train")))
    on_error: OnError = field(default="fail", validator=in_(ON_ERROR))

    def digest(self) -> str | None:
        """sha256 of the file; None while it has not been fetched."""
        return local_digest(self._origin(), self._pinned())

    def load(self) -> Loaded:
        """Open the file; questions are checked one by one as they are asked for.

        Raises:
            DataError: The file cannot be had; while reading, the first question that cannot be used, by its place.
        """
        from exx_nq_open.records import read_items

        origin = self._origin()
        file = obtain(origin, self._pinned())
        where = str(file.path) if isinstance(origin, Source) and not origin.is_url else str(origin)
        name = origin.path.name if isinstance(origin, Source) else origin.filename
        log = ReadLog(where, self.on_error)
        provenance = Provenance(str(origin), file.sha256, file.revision, "CC BY-SA 3.0")
        return Loaded(read_items(file.path, name, log), provenance, log)

    def _origin(self) -> Source | HubFile:
        return self.source or HubFile(REPO, f"nq_open/{self.split}-00000-of-00001.parquet", self.revision)

    def _pinned(self) -> str | None:
        if self.sha256 or self.source or self.revision != REVISION:
            return self.sha256
        return SHA256.get(self.split)
