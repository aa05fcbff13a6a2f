"""Which address means what: the kinds of calls, and who handles each."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson
from attrs import field, frozen

from fireworks_server import datasets, jobs, storage
from fireworks_server.replies import Refusal, Reply, as_json, front_end, refuse, refuse_loudly
from fireworks_server.world import World

_RESOURCE = r"/v1/accounts/(?P<account>[^/]+)"
# Kind of call: method and address. Whoever plans faults names these.
ROUTES = {
    "accounts.list": ("GET", r"/v1/accounts"),
    "accounts.get": ("GET", _RESOURCE),
    "dataset.create": ("POST", _RESOURCE + r"/datasets"),
    "dataset.list": ("GET", _RESOURCE + r"/datasets"),
    "dataset.get": ("GET", _RESOURCE + r"/datasets/(?P<id>[^/:]+)"),
    "dataset.delete": ("DELETE", _RESOURCE + r"/datasets/(?P<id>[^/:]+)"),
    "dataset.upload": ("POST", _RESOURCE + r"/datasets/(?P<id>[^/:]+):upload"),
    "dataset.upload_url": ("POST", _RESOURCE + r"/datasets/(?P<id>[^/:]+):getUploadEndpoint"),
    "dataset.validate": ("POST", _RESOURCE + r"/datasets/(?P<id>[^/:]+):validateUpload"),
    "dataset.download_url": ("GET", _RESOURCE + r"/datasets/(?P<id>[^/:]+):getDownloadEndpoint"),
    "job.create": ("POST", _RESOURCE + r"/batchInferenceJobs"),
    "job.list": ("GET", _RESOURCE + r"/batchInferenceJobs"),
    "job.get": ("GET", _RESOURCE + r"/batchInferenceJobs/(?P<id>[^/:]+)"),
    "job.delete": ("DELETE", _RESOURCE + r"/batchInferenceJobs/(?P<id>[^/:]+)"),
    "storage.put": ("PUT", re.escape(storage.BUCKET) + r"(?P<id>.+)"),
    "storage.get": ("GET", re.escape(storage.BUCKET) + r"(?P<id>.+)"),
}
_LARGEST_PAGE, _USUAL_PAGE = 200, 50


@frozen
class Asked:
    """A call as it came in.

    Attributes:
        method: HTTP method.
        path: Path of the address.
        query: Its parameters.
        headers: Names in lower case.
        body: What came with it; None for nothing at all.
        upload: A file that came with it, for the two calls that take one: field, name and the file.
    """

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes | None = None
    upload: tuple[str, str, Path] | None = field(default=None)

    @property
    def document(self) -> Any:
        """The JSON that came with it."""
        try:
            return orjson.loads(self.body or b"")
        except orjson.JSONDecodeError as cause:
            raise refuse("INVALID_ARGUMENT", f"invalid JSON: {cause}") from cause


def kind_of(method: str, path: str) -> tuple[str, dict[str, str]]:
    """The kind of a call, and the names in its address.

    Raises:
        Refusal: There is no such address, or not for this method.
    """
    elsewhere = False
    for kind, (wanted, pattern) in ROUTES.items():
        found = re.fullmatch(pattern, path)
        if found and wanted == method:
            return kind, found.groupdict()
        elsewhere = elsewhere or found is not None
    if elsewhere:
        raise Refusal(Reply(405, b"Method Not Allowed", "text/plain"))
    raise refuse("NOT_FOUND", "Not Found")


def handle(world: World, kind: str, names: Mapping[str, str], asked: Asked) -> Reply:
    """Do what is asked for.

    Raises:
        Refusal: It is not done.
    """
    if asked.method == "GET" and asked.body:
        raise Refusal(front_end(400, "Bad Request"))
    if kind.startswith("storage."):
        storage.check(world, asked.method, asked.path, asked.query, asked.headers)
        return _HANDLERS[kind](world, names, asked)
    _check_key(world, names.get("account"), asked.headers)
    return _HANDLERS[kind](world, names, asked)


def _check_key(world: World, account: str | None, headers: Mapping[str, str]) -> None:
    told = headers.get("authorization", "")
    if told != f"Bearer {world.settings.key}":
        echo = f": {told}" if world.settings.echo else ""
        raise refuse_loudly(403, "UNAUTHORIZED", f"The API key you provided is invalid{echo}")
    if account not in (None, world.settings.account, *world.settings.others):
        raise refuse("PERMISSION_DENIED", f"caller has no access to account {account!r}")
    if world.settings.trouble == "suspended":
        raise refuse_loudly(412, "PRECONDITION_FAILED", "account suspended: MONTHLY_SPEND_LIMIT_EXCEEDED")


def _account(world: World, slug: str) -> dict[str, Any]:
    suspended = "FAILED_PAYMENTS" if world.settings.trouble == "unpaid" else "UNSUSPENDED"
    return {"name": f"accounts/{slug}", "displayName": slug, "suspendState": suspended, "email": "a@example.com"}


def _accounts(world: World, names: Mapping[str, str], asked: Asked) -> Reply:
    del names
    slugs = (world.settings.account, *world.settings.others)
    return _page("accounts", [_account(world, slug) for slug in slugs], asked.query)


def _page(what: str, things: Iterable[dict[str, Any]], query: Mapping[str, str]) -> Reply:
    """A page of a list; what a token goes on with must be asked in the same words."""
    if query.get("filter"):
        raise refuse("INVALID_ARGUMENT", f"this server knows no filter, and {query['filter']!r} is one")
    order, _, way = query.get("orderBy", "name").partition(" ")
    if order not in ("name", "create_time", "createTime", "created_time") or way not in ("", "desc", "asc"):
        raise refuse("INVALID_ARGUMENT", f"invalid order_by: {order} {way}")
    field_of = "name" if order == "name" else "createTime"
    every = sorted(things, key=lambda thing: str(thing.get(field_of)), reverse=way == "desc")
    size = min(_LARGEST_PAGE, int(query.get("pageSize") or _USUAL_PAGE))
    words = f"{order} {way}|{size}"
    begin = 0
    if token := query.get("pageToken"):
        number, _, before = token.partition("~")
        if before != words.encode().hex():
            raise refuse("INVALID_ARGUMENT", "page_token: the other parameters have changed")
        begin = int(number)
    more = f"{begin + size}~{words.encode().hex()}" if begin + size < len(every) else ""
    return as_json({what: every[begin : begin + size], "nextPageToken": more})


def _list_datasets(world: World, names: Mapping[str, str], asked: Asked) -> Reply:
    del names
    return _page("datasets", [datasets.shown(world, one) for one in world.datasets.values()], asked.query)


def _list_jobs(world: World, names: Mapping[str, str], asked: Asked) -> Reply:
    del names
    there = [job for job in world.jobs.values() if job.state not in ("DELETED", "VANISHED")]
    query = {"orderBy": "created_time", **asked.query}
    return _page("batchInferenceJobs", [jobs.shown(world, job) for job in there], query)


def _create_job(world: World, names: Mapping[str, str], asked: Asked) -> Reply:
    del names
    return jobs.create(world, asked.query.get("batchInferenceJobId"), asked.document)


def _upload_url(world: World, names: Mapping[str, str], asked: Asked) -> Reply:
    return datasets.upload_url(world, names["id"], asked.document, asked.headers["host"])


def _put(world: World, names: Mapping[str, str], asked: Asked) -> Reply:
    if asked.upload is None:
        raise refuse("INVALID_ARGUMENT", "nothing was sent")
    return storage.put(world, names["id"], asked.upload[2], asked.headers)


_Handler = Callable[[World, Mapping[str, str], Asked], Reply]
_HANDLERS: dict[str, _Handler] = {
    "accounts.list": _accounts,
    "accounts.get": lambda world, names, asked: as_json(_account(world, names["account"])),
    "dataset.create": lambda world, names, asked: datasets.create(world, asked.document),
    "dataset.list": _list_datasets,
    "dataset.get": lambda world, names, _: as_json(datasets.shown(world, datasets.found(world, names["id"]))),
    "dataset.delete": lambda world, names, _: datasets.delete(world, names["id"]),
    "dataset.upload": lambda world, names, asked: datasets.upload(world, names["id"], asked.upload),
    "dataset.upload_url": _upload_url,
    "dataset.validate": lambda world, names, asked: datasets.validate(world, names["id"], asked.document),
    "dataset.download_url": lambda world, names, asked: datasets.download_url(
        world, names["id"], asked.query, asked.headers["host"]
    ),
    "job.create": _create_job,
    "job.list": _list_jobs,
    "job.get": lambda world, names, _: jobs.get(world, names["id"]),
    "job.delete": lambda world, names, _: jobs.delete(world, names["id"]),
    "storage.put": _put,
    "storage.get": lambda world, names, _: storage.get(world, names["id"]),
}
