"""Looks at the built site: every page can be reached from the first one, and none fetches anything from elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

# Elements that fetch what they name while the page is shown, unlike a link that somebody has to follow.
FETCHING = {"script": "src", "img": "src", "iframe": "src", "link": "href", "source": "src", "video": "src"}


class Page(HTMLParser):
    """The links of a page, and what it fetches."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note where a tag leads."""
        values = dict(attrs)
        if tag == "a":
            self.links.append(values.get("href") or "")
        elif tag in FETCHING and values.get("rel") != "canonical":
            self.fetched.append(values.get(FETCHING[tag]) or "")


def problems(site: Path) -> Iterator[str]:
    """Say what is wrong with a built site."""
    pages = {path.resolve(): Page(path.read_text("utf-8")) for path in sorted(site.rglob("*.html"))}
    seen: set[Path] = set()
    waiting = [(site / "index.html").resolve()]
    while waiting:
        path = waiting.pop()
        if path not in seen and path in pages:
            seen.add(path)
            waiting += [(path.parent / unquote(urldefrag(link).url)).resolve() for link in pages[path].links]
    for path, page in pages.items():
        if path not in seen and path.name != "404.html":
            yield f"{path.relative_to(site.resolve())}: no page leads to it"
        yield from (
            f"{path.relative_to(site.resolve())}: fetches {one}" for one in page.fetched if urlsplit(one).netloc
        )


def main() -> None:
    """Check the site in the folder that is given."""
    site = Path(sys.argv[1])
    found = list(problems(site))
    if found:
        sys.exit("\n".join(["site:", *(f"  {problem}" for problem in found)]))
    sys.stdout.write(f"{site / 'index.html'}: {len(list(site.rglob('*.html'))) - 1} pages\n")


if __name__ == "__main__":
    main()
