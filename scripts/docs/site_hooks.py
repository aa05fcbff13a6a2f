"""What MkDocs asks while it builds the site: the navigation, the pages from outside docs/, and their links."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files
from site_pages import added, for_site, navigation, text_of

ASSETS = Path(__file__).parent / "assets"


def on_config(config: Any) -> Any:
    """Make the navigation from the folders."""
    config.nav = navigation()
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that are no Markdown in docs/, and the assets."""
    for place, path in added().items():
        files.append(File.generated(config, place, content=text_of(path)))
    for path in sorted(ASSETS.iterdir()):
        files.append(File.generated(config, f"assets/{path.name}", abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Let links lead to pages of the site."""
    return for_site(markdown, page.file.src_uri)
