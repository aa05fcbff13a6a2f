"""Asks an online backend many requests, up to its concurrency at once, and hands the responses on as they come."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice

from exx.interfaces import Connection
from exx.records import Request, Response


def answer_all(
    connection: Connection, requests: Iterable[Request], concurrency: int, check_stop: Callable[[], None]
) -> Iterator[Response]:
    """Answer every request; the order of the responses is that of the requests only with a concurrency of 1.

    Args:
        connection: The model.
        requests: Taken as they are needed.
        concurrency: Most requests under way at once.
        check_stop: Called before each request; raises to stop. Requests under way then are waited for and yielded;
            so they are when one of them raises.
    """
    if concurrency <= 1:
        for request in requests:
            check_stop()
            yield connection.answer(request)
        return
    with ThreadPoolExecutor(max_workers=concurrency, thread_name_prefix="exx-ask") as pool:
        yield from _in_threads(pool, connection, iter(requests), concurrency, check_stop)


def _in_threads(
    pool: ThreadPoolExecutor,
    connection: Connection,
    requests: Iterator[Request],
    concurrency: int,
    check_stop: Callable[[], None],
) -> Iterator[Response]:
    under_way: set[Future[Response]] = set()
    stopped: BaseException | None = None
    while True:
        if stopped is None:
            try:
                check_stop()
            except Exception as cause:  # noqa: BLE001 - raised below, once what is under way has been handed on
                stopped = cause
            else:
                fresh = islice(requests, concurrency - len(under_way))
                under_way |= {pool.submit(connection.answer, request) for request in fresh}
        if not under_way:
            break
        done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
        for future in done:
            problem = future.exception()
            if problem is None:
                yield future.result()
            else:
                stopped = stopped or problem
    if stopped is not None:
        raise stopped
