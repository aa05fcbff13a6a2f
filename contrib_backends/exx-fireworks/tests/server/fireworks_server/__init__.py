"""Fireworks' batch API on 127.0.0.1: real HTTP, as strict as the real one, with faults on demand and a full account.

    with FireworksServer(folder, plan=Plan(faults=(Fault("job.create", "lost"),))) as server:
        ...  # FIREWORKS_API_BASE=server.url FIREWORKS_API_KEY=server.key FIREWORKS_ACCOUNT_ID=server.account
        assert server.paid.most_common(1)[0][1] == 1

It knows nothing of the client. Its state lives in the server, which is a thread here, or a process of its own
(``python -m fireworks_server --help``): a client may die at any moment, and the next one finds everything as it was.
"""

from fireworks_server.clock import VirtualClock
from fireworks_server.plan import Fault, Plan, RowFaults
from fireworks_server.server import FireworksServer, Settings
from fireworks_server.world import Call

__all__ = ["Call", "Fault", "FireworksServer", "Plan", "RowFaults", "Settings", "VirtualClock"]
