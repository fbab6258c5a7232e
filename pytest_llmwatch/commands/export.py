"""`pytest-llmwatch export`: cassettes in the format of vcrpy, for tools that read no other."""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from pytest_llmwatch import store, yaml_text
from pytest_llmwatch.environment_secrets import forms_of
from pytest_llmwatch.errors import LLMWatchError
from pytest_llmwatch.file_names import CASSETTES
from pytest_llmwatch.redaction import redacted
from pytest_llmwatch.secret_spans import Secrets

from .cassette_files import CassetteFile, files_at, read, said_of

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
    """Write every cassette in vcrpy's format: 1 where one could not be read or written, 2 for no place to put them.

    What others have recorded goes through the redaction like a recording of ours.
    """
    secrets = Secrets(forms=forms_of(os.environ))
    code, files = 0, list[CassetteFile]()
    for argument in arguments:
        try:
            files += files_at(argument)
        except LLMWatchError as error:
            warn(str(error))
            code = 1
    if (mistake := _mistake_in(output, len(files))) is not None:
        warn(mistake)
        return 2
    written = 0
    targets = {} if output is None else {file: Path(output) / _below_cassettes(file) for file in files}
    for file in files:
        try:
            exported = exported_of(_without_secrets(each, secrets) for each in read(file).exchanges)
            if output is None:
                out.write(exported.text)
            else:
                _write(file, exported.text, targets)
                written += 1
        except LLMWatchError as error:
            warn(said_of(error))
            code = 1
        else:
            for lost in exported.lost:
                warn(f"{file.name}: {lost}")
    if output is not None:
        out.write(f"{written} {'file' if written == 1 else 'files'} written below {output.rstrip('/')}/\n")
    return code


def _mistake_in(output: str | None, count: int) -> str | None:
    if output is None and count > 1:
        return f"{count} cassettes do not go into one file: say where to write them with --output FOLDER"
    is_file = output is not None and Path(output).exists() and not Path(output).is_dir()
    return f"--output {output} is a file: name a folder" if is_file else None


def _without_secrets(exchange: Exchange, secrets: Secrets) -> Exchange:
    after = redacted(exchange, secrets)
    if after.response is None or exchange.response is None:
        return after
    # Who recorded without decompressing has a body that means nothing without this.
    coding = tuple(one for one in exchange.response.headers if one[0].lower() == "content-encoding")
    return replace(after, response=replace(after.response, headers=(*after.response.headers, *coding)))


def exported_of(exchanges: Iterable[Exchange]) -> Exported:
    """Exchanges as a vcrpy cassette that version 8 and later replay."""
    interactions: list[JSON] = []
    lost: list[str] = []
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
            interactions.append(_interaction(exchange, exchange.response))
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
    places = [place for place, part in enumerate(parts[:-1]) if part == CASSETTES]
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
