"""`pytest-llmwatch export`: cassettes in the format of vcrpy, for tools that read no other."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from pytest_llmwatch import store, yaml_text
from pytest_llmwatch.errors import LLMWatchError

from .cassette_files import FOLDER, CassetteFile, files_at, read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pytest_llmwatch.calls import JSON
    from pytest_llmwatch.exchange import Exchange, Headers, Response

VCRPY_FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """The text of a vcrpy cassette, and what it cannot hold."""

    text: str
    lost: tuple[str, ...] = ()


def export(arguments: Sequence[str], *, output: str | None, out: TextIO, warn: Callable[[str], None]) -> int:
    """Write every cassette in vcrpy's format: 1 where one could not be read or written, 2 for no place to put them."""
    code, files = 0, list[CassetteFile]()
    for argument in arguments:
        try:
            files += files_at(argument)
        except LLMWatchError as error:
            warn(str(error))
            code = 1
    if output is None and len(files) > 1:
        warn(f"{len(files)} cassettes do not go into one file: say where to write them with --output FOLDER")
        return 2
    targets = {} if output is None else {file: Path(output) / _below_cassettes(file) for file in files}
    for file in files:
        try:
            exported = exported_of(read(file).exchanges)
            if output is None:
                out.write(exported.text)
            else:
                _write(file, exported.text, targets)
        except LLMWatchError as error:
            warn(str(error))
            code = 1
        else:
            for lost in exported.lost:
                warn(f"{file.name}: {lost}")
    return code


def exported_of(exchanges: Iterable[Exchange]) -> Exported:
    """Exchanges as a vcrpy cassette that version 8 and later replay."""
    interactions: list[JSON] = []
    lost: list[str] = []
    timed = 0
    for number, exchange in enumerate(exchanges, 1):
        failure = exchange.failure
        if exchange.request.method == "CALL":
            lost.append(f"call {number} was left out: it is one of a Python function, not of HTTP")
        elif exchange.response is None:
            said = f": {failure.message}" if failure and failure.message else ""
            kind = failure.kind if failure else "no response"
            lost.append(f"call {number} was left out: vcrpy has no form for a transfer that failed ({kind}{said})")
        else:
            if failure is not None:
                lost.append(f"call {number} was cut short ({failure.kind}); vcrpy will replay it as if it were whole")
            timed += exchange.duration is not None
            interactions.append(_interaction(exchange, exchange.response))
    if timed:
        lost.append("the times were left out: vcrpy has no form for them")
    return Exported(
        text=yaml_text.emit({"interactions": interactions, "version": VCRPY_FORMAT}),
        lost=tuple(lost),
    )


def _interaction(exchange: Exchange, response: Response) -> JSON:
    request = exchange.request
    return {
        "request": {
            "body": _content(request.body) if request.body else None,
            "headers": _headers(request.headers),
            "method": request.method,
            "uri": request.uri,
        },
        "response": {
            "body": {"string": _content(response.body)},
            "headers": _headers(response.headers),
            "status": {"code": response.status, "message": response.reason},
        },
    }


def _headers(headers: Headers) -> JSON:
    lists: dict[str, list[JSON]] = {}
    for name, value in headers:
        lists.setdefault(name, []).append(value)
    return dict(lists)


def _content(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return yaml_text.Binary(base64.encodebytes(body).decode())


def _below_cassettes(file: CassetteFile) -> Path:
    """`<module>/<test>.yaml` for what lies in a cassettes folder, the bare name for anything else."""
    parts = file.path.absolute().parts
    places = [place for place, part in enumerate(parts[:-1]) if part == FOLDER]
    return Path(*parts[places[-1] + 1 :]) if places else Path(file.path.name)


def _write(file: CassetteFile, text: str, targets: dict[CassetteFile, Path]) -> None:
    target = targets[file]
    rivals = [other.name for other, place in targets.items() if place == target and other != file]
    if rivals:
        raise LLMWatchError(f"{file.name}: not exported, {rivals[0]} would go to {target} too; export them one by one")
    try:
        if any(target.exists() and other.path.exists() and target.samefile(other.path) for other in targets):
            raise LLMWatchError(f"{file.name}: not exported, it would replace a cassette; give another --output folder")
        store.write_text(target, text)
    except OSError as error:
        raise LLMWatchError(f"{target}: it cannot be written ({error.strerror or error})") from error
