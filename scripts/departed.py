"""Print the distributions that are installed from a folder which is no longer there, one a line."""

from __future__ import annotations

import json
from importlib.metadata import distributions
from pathlib import Path
from urllib.parse import unquote, urlsplit


def main() -> None:
    """Look at every editable installation in this environment."""
    for distribution in distributions():
        origin = json.loads(distribution.read_text("direct_url.json") or "{}")
        folder = Path(unquote(urlsplit(origin.get("url", "")).path))
        if "dir_info" in origin and not (folder / "pyproject.toml").is_file():
            print(distribution.name)


if __name__ == "__main__":
    main()
