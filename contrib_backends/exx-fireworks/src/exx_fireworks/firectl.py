"""The service's own command line, as the last way to an output that its API gives no address for."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from exx import Transient
from exx_fireworks.api import Api
from exx_fireworks.transfer import refuse_torn

_PATIENCE = 3600.0


def fetch(api: Api, dataset: str, folder: Path) -> list[Path] | None:
    """Have ``firectl`` download a dataset.

    Returns:
        Its files; None where firectl is not installed.

    Raises:
        Transient: It failed.
    """
    program = shutil.which("firectl")
    if program is None:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    # The key goes through the environment: what is on a command line, every user of the machine can read.
    command = [program, "download", "dataset", dataset, "--output-dir", str(folder), "--account-id", api.account]
    environment = {**os.environ, "FIREWORKS_API_KEY": api.key.value}
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, stdin=subprocess.DEVNULL, check=False, timeout=_PATIENCE
        )
    except (OSError, subprocess.TimeoutExpired) as cause:
        raise Transient(f"firectl download dataset {dataset}: {type(cause).__name__}") from None
    if done.returncode:
        said = api.key.hide(done.stderr.decode("utf-8", "replace"))[-300:]
        raise Transient(f"firectl download dataset {dataset} ended with status {done.returncode}: {said}")
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    for path in files:
        refuse_torn(path, f"firectl download dataset {dataset}")
    return files
