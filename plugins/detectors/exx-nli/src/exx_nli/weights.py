"""Where a model's files are: a folder of the user's, the hub's cache, or the hub.

Only configuration, vocabulary and safetensors are ever fetched: a pickle can run code when it is read.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from exx import BackendError

PATTERNS = ["*.json", "*.safetensors", "*.txt", "*.model"]


def find(model: str, revision: str | None) -> Path:
    """Find the folder with a model's files, fetching them first where they are not on this machine.

    Args:
        model: A folder, or a name on the hub.
        revision: Commit, tag or branch; for a name on the hub.

    Raises:
        BackendError: No such folder, a name without a revision, or a model that cannot be fetched.
    """
    folder = Path(model).expanduser()
    if folder.is_dir():
        return folder
    if model.startswith(("/", ".", "~")) or model.count("/") > 1 or folder.is_file():
        what = "is a file" if folder.is_file() else "there is no such folder"
        raise BackendError(
            f"detector 'nli': {model}: {what} (working directory {Path.cwd()})",
            hint="model takes a name on the hub, or a folder with config.json, a tokenizer and safetensors",
        )
    if revision is None:
        raise BackendError(
            f"detector 'nli': {model} is no folder here, and as a name on the hub it needs a revision",
            hint="a model on the hub can change: give the commit that its page shows, as revision: …",
        )
    try:
        return _cached(model, revision) or _fetched(model, revision)
    except ValueError as cause:  # the hub's word for a name that cannot be one
        raise BackendError(
            f"detector 'nli': {model!r} is neither a folder here nor a name on the hub",
            hint="a name on the hub has the form owner/model",
        ) from cause


def _cached(model: str, revision: str) -> Path | None:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        folder = Path(snapshot_download(model, revision=revision, local_files_only=True))
    except LocalEntryNotFoundError:
        return None
    return folder if _complete(folder) else None


def _complete(folder: Path) -> bool:
    """Say whether an earlier download went through; each single file is whole or not there."""
    index = folder / "model.safetensors.index.json"
    shards = ["model.safetensors"]
    if index.is_file():
        shards = list(set(json.loads(index.read_text("utf-8")).get("weight_map", {}).values()))
    vocabularies = ("tokenizer.json", "vocab.txt", "vocab.json", "spm.model", "spiece.model", "sentencepiece.bpe.model")
    return all((folder / name).is_file() for name in ["config.json", *shards]) and any(
        (folder / name).is_file() for name in vocabularies
    )


def _fetched(model: str, revision: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    try:
        found = snapshot_download(
            model, revision=revision, allow_patterns=PATTERNS, endpoint=os.environ.get("HF_ENDPOINT")
        )
    except (OSError, HfHubHTTPError) as cause:
        reason = str(cause).strip().partition("\n")[0]
        raise BackendError(
            f"detector 'nli': the weights of {model} at revision {revision} are not on this machine, "
            f"and could not be fetched ({type(cause).__name__}: {reason})",
            hint="on a machine with a network: hf download "
            f"{model} --revision {revision} --local-dir FOLDER; then copy FOLDER here and say model: FOLDER. "
            "The answers are kept: exx resume goes on from here. Or choose another detector: unsupported: overlap",
        ) from cause
    return Path(found)
