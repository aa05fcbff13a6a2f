"""A process that has imported all of exx and forks a child for each command: what a start costs is paid once.

A child is a process of its own, which can be killed, die at a fault point or run out of room like any other. Orders
come as JSON, one a line; for each, the child's pid is told at once and its exit status when it has ended.
"""

from __future__ import annotations

import gc
import json
import os
import pkgutil
import resource
import sys
from importlib import import_module
from pathlib import Path
from typing import Any


def import_everything() -> None:
    """Import every module of the core and of the installed plugins, and what they import later."""
    import exx
    from exx.plugins import KINDS, load_plugins

    for module in pkgutil.walk_packages(exx.__path__, "exx."):
        import_module(module.name)
    registry = load_plugins()
    for kind in KINDS:
        for offer in registry.offers(kind).values():
            package = import_module(offer.cls.__module__.partition(".")[0])
            for module in pkgutil.iter_modules(getattr(package, "__path__", ())):
                import_module(f"{package.__name__}.{module.name}")
    for heavy in ("numpy.random", "pyarrow.compute", "pyarrow.csv", "pyarrow.parquet", "sqlite3", "yaml"):
        import_module(heavy)


def child(order: dict[str, Any]) -> int:
    """Be ``exx`` with the arguments of an order; returns its exit status."""
    from exx import fault
    from exx.cli.main import run

    os.chdir(order["folder"])
    for number, name in ((1, "out"), (2, "err")):
        handle = os.open(order[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(handle, number)
        os.close(handle)
    passed = fault.record() if order["points"] else []
    fault.arm(order["fault"])
    if order["largest_file"]:
        resource.setrlimit(resource.RLIMIT_FSIZE, (order["largest_file"], order["largest_file"]))
    status = run(order["arguments"])
    if order["points"]:
        Path(order["points"]).write_text("\n".join(passed), encoding="utf-8")
    sys.stdout.flush()
    return status


def tell(what: object) -> None:
    """Answer whoever gives the orders."""
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


def main() -> None:
    """Serve until there are no more orders."""
    import_everything()
    gc.freeze()  # or the collector would touch, and so copy, every page in every child
    tell("ready")
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            status = 120  # what an exception here ends in
            try:
                status = child(json.loads(line))
            finally:
                os._exit(status)
        tell(pid)
        _, ended = os.waitpid(pid, 0)
        tell(os.waitstatus_to_exitcode(ended))


if __name__ == "__main__":
    main()
