"""Datasets: created with a count, uploaded in one of two ways, ready after a while, downloaded by signed URLs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from fireworks_server import storage
from fireworks_server.clock import words
from fireworks_server.replies import Reply, as_json, refuse
from fireworks_server.rows import ERRORS, RESULTS
from fireworks_server.world import Dataset, World

ID = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
_WORDS = "displayName exampleCount userUploaded format externalUrl evaluationResult evalProtocol"
FIELDS = frozenset(_WORDS.split())


def camel(name: str) -> str:
    """A field's name as the API writes it; both spellings are taken."""
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


def fields_of(raw: Any, known: frozenset[str]) -> dict[str, Any]:
    """A message of the API.

    Raises:
        Refusal: It has a field that the API does not know.
    """
    if not isinstance(raw, dict):
        raise refuse("INVALID_ARGUMENT", "the body must be a JSON object")
    given = {camel(name): value for name, value in raw.items()}
    for name in given:
        if name not in known:
            raise refuse("INVALID_ARGUMENT", f'proto: (line 1:2): unknown field "{name}"')
    return given


def checked_id(name: Any, what: str) -> str:
    """An id that may be used.

    Raises:
        Refusal: It may not.
    """
    if not isinstance(name, str) or not ID.fullmatch(name):
        raise refuse("INVALID_ARGUMENT", f"invalid {what} {name!r}: 1-63 characters of a-z, 0-9 and -")
    return name


def create(world: World, body: Any) -> Reply:
    """POST /datasets."""
    given = fields_of(body, frozenset(("datasetId", "dataset", "sourceDatasetId", "filter")))
    about = fields_of(given.get("dataset", {}), FIELDS)
    name = checked_id(given.get("datasetId"), "dataset id")
    count = about.get("exampleCount")
    if count is None:
        raise refuse("INVALID_ARGUMENT", "example_count is required for user uploaded datasets")
    if isinstance(count, bool) or not str(count).isdigit():
        raise refuse("INVALID_ARGUMENT", f"proto: invalid value for int64 field exampleCount: {count!r}")
    if name in world.datasets:
        raise refuse("ALREADY_EXISTS", f"dataset {name} already exists", status=world.settings.duplicate)
    world.datasets[name] = Dataset(name, {**about, "exampleCount": str(count)}, world.clock.now())
    return as_json(shown(world, world.datasets[name]))


def found(world: World, name: str) -> Dataset:
    """A dataset.

    Raises:
        Refusal: There is none of this id.
    """
    if name not in world.datasets:
        raise refuse("NOT_FOUND", "resource not found")
    return world.datasets[name]


def is_ready(world: World, dataset: Dataset) -> bool:
    """Whether it can be used."""
    return dataset.ready_at is not None and dataset.ready_at <= world.clock.now()


def shown(world: World, dataset: Dataset) -> dict[str, Any]:
    """A dataset as the API shows it."""
    return {
        "name": f"accounts/{world.settings.account}/datasets/{dataset.id}",
        "displayName": dataset.about.get("displayName", ""),
        "createTime": words(dataset.created),
        "updateTime": words(dataset.ready_at or dataset.created),
        "createdBy": "somebody@example.com",
        "state": "READY" if is_ready(world, dataset) else "UPLOADING",
        "status": {"code": "OK", "message": ""},
        "exampleCount": dataset.about.get("exampleCount", "0"),
        "estimatedTokenCount": "0",
        "format": dataset.about.get("format", "CHAT"),
        "externalUrl": "",
        "sourceJobName": dataset.source and f"accounts/{world.settings.account}/batchInferenceJobs/{dataset.source}",
        "userUploaded": dataset.about.get("userUploaded"),
        "encryptionState": "GOOGLE_MANAGED",
    }


def delete(world: World, name: str) -> Reply:
    """DELETE /datasets/{id}."""
    del world.datasets[found(world, name).id]
    world.deleted.add(name)
    return as_json({})


def upload(world: World, name: str, file: tuple[str, str, Path] | None) -> Reply:
    """POST /datasets/{id}:upload, with the form's field name, the file's name and the file itself."""
    dataset = found(world, name)
    if file is None or file[0] != "file":
        raise refuse("INVALID_ARGUMENT", "multipart form with a part 'file' expected")
    if dataset.ready_at is not None:
        raise refuse("INVALID_ARGUMENT", f"dataset {name} was already uploaded")
    size = file[2].stat().st_size
    if size > world.settings.direct_limit:
        raise refuse("INVALID_ARGUMENT", "file too large: use the upload endpoint", status=413)
    file[2].replace(world.input_path(name))
    _finish(world, dataset)
    return as_json({"id": name, "object": "file", "bytes": size, "created_at": 0, "filename": file[1], "purpose": ""})


def _finish(world: World, dataset: Dataset) -> None:
    dataset.ready_at = world.clock.now() + world.settings.ready_after


def upload_url(world: World, name: str, body: Any, host: str) -> Reply:
    """POST /datasets/{id}:getUploadEndpoint."""
    dataset = found(world, name)
    sizes = fields_of(body, frozenset(("filenameToSize", "readMask"))).get("filenameToSize")
    if not isinstance(sizes, dict) or len(sizes) != 1:
        raise refuse("INVALID_ARGUMENT", "filename_to_size must name the file and its size")
    ((file, size),) = sizes.items()
    if not re.fullmatch(r"[\w.-]+", file) or not str(size).isdigit():
        raise refuse("INVALID_ARGUMENT", f"invalid file name or size: {file!r}, {size!r}")
    dataset.files = {file: int(size)}
    values = {"content-type": "application/octet-stream", "x-goog-content-length-range": f"{size},{size}"}
    headers = {header: values[header] for header in world.settings.upload_headers}
    url = storage.sign(world, host, "PUT", f"dataset/{name}/uploaded.jsonl", headers)
    return as_json({"filenameToSignedUrls": {file: url}})


def validate(world: World, name: str, body: Any) -> Reply:
    """POST /datasets/{id}:validateUpload."""
    dataset = found(world, name)
    if body != {}:
        raise refuse("INVALID_ARGUMENT", "an empty JSON object is required")
    path = world.input_path(name)
    if not path.is_file() or list(dataset.files.values()) != [path.stat().st_size]:
        raise refuse("FAILED_PRECONDITION", "the file was not uploaded")
    if dataset.ready_at is None:
        _finish(world, dataset)
    return as_json({})


def download_url(world: World, name: str, query: dict[str, str], host: str) -> Reply:
    """GET /datasets/{id}:getDownloadEndpoint."""
    dataset = found(world, name)
    job = world.jobs.get(dataset.source)
    lineage = query.get("downloadLineage", "false") == "true"
    outputs = [world.jobs[one].output for one in job.sent] if job and lineage else [name]
    files = (RESULTS, ERRORS) if job else ("uploaded.jsonl",)
    pattern = world.settings.lineage if lineage else "dataset/{dataset}/{file}"
    urls = {
        pattern.format(dataset=output, file=file): storage.sign(world, host, "GET", f"dataset/{output}/{file}", {})
        for output in outputs
        for file in files
        if world.settings.addresses and world.path(f"dataset/{output}/{file}").is_file()
    }
    return as_json({"filenameToSignedUrls": urls})
