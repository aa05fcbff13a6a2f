"""The dataset ``triviaqa``: where its file comes from, and what it is pinned to.

Sources:
    Joshi, Choi, Weld & Zettlemoyer, ACL 2017, doi:10.18653/v1/P17-1147: the dataset.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from attrs import field, frozen
from attrs.validators import in_, matches_re, min_len, optional

from exx import ON_ERROR, HubFile, Loaded, OnError, Provenance, ReadLog, Source, local_digest, obtain

REPO = "mandarjoshi/trivia_qa"
REVISION = "0f7faf33a3908546c6fd5b73a660e0f8ff173c2f"
SHA256 = {"validation": "48a5005c0eb4f8a4ae5b9868644297fd5bf1e694aeb3dc9c8ab958cac0d5b201"}


@frozen(kw_only=True)
class TriviaQA:
    """Trivia questions by enthusiasts, closed-book: without the evidence that was gathered for them.

    Attributes:
        source: A file in the official JSON layout, or the hub's rows as Parquet or JSON Lines: a path or an http(s)
            address; may be packed. None fetches the hub's file.
        sha256: What the file must hash to, in hex; None takes a given source as it is, and for the hub's file at the
            default revision what it is known to be.
        revision: Commit of the hub repository; without effect when ``source`` is given.
        split: Which file of the hub repository; without effect when ``source`` is given.
        on_error: ``fail`` stops at the first question that cannot be used; ``skip`` leaves such questions out,
            and counts and lists them.
    """

    name: ClassVar[str] = "triviaqa"

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
        from exx_triviaqa.records import read_items

        origin = self._origin()
        file = obtain(origin, self._pinned())
        where = str(file.path) if isinstance(origin, Source) and not origin.is_url else str(origin)
        name = origin.path.name if isinstance(origin, Source) else origin.filename
        log = ReadLog(where, self.on_error)
        provenance = Provenance(str(origin), file.sha256, file.revision, "Apache-2.0")
        return Loaded(read_items(file.path, name, log), provenance, log)

    def _origin(self) -> Source | HubFile:
        return self.source or HubFile(REPO, f"rc.nocontext/{self.split}-00000-of-00001.parquet", self.revision)

    def _pinned(self) -> str | None:
        if self.sha256 or self.source or self.revision != REVISION:
            return self.sha256
        return SHA256.get(self.split)
