"""HTML reports for exx."""

from __future__ import annotations

from exx import hookimpl


@hookimpl
def exx_register_reporters() -> list[type]:
    """Offer the reporter."""
    from exx_html.reporter import HtmlReporter

    return [HtmlReporter]
