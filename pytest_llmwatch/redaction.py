"""What may stand in a file. Headers are kept by name; all others are left out, whatever they hold."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from .request_key import IGNORED_QUERY

if TYPE_CHECKING:
    from .exchange import Headers, Request, Response

KEPT_REQUEST_HEADERS = re.compile(
    r"accept|content-type|anthropic-(?:version|beta)|openai-beta|x-stainless-(?:retry-count|lang|package-version)"
    r"|amz-sdk-request|x-amz-target|x-amzn-bedrock-(?:accept|save)|mcp-protocol-version"
)
KEPT_RESPONSE_HEADERS = re.compile(
    r"content-type|location|x-goog-upload-(?:url|status)|retry-after(?:-ms)?|x-should-retry|openai-(?:model|processing-ms|version)|allow"
    r"|x-amzn-errortype|x-amzn-bedrock-.*|x-envoy-upstream-service-time|server-timing|x-gemini-service-tier"
    r"|(?:anthropic-)?x?-?ratelimit-.*|x-metrics-.*|num_tokens|x-inference-time"
)


def redacted_request(request: Request) -> Request:
    """The request as it may be written and keyed."""
    return replace(request, uri=_without_secrets(request.uri), headers=_kept(request.headers, KEPT_REQUEST_HEADERS))


def redacted_response(response: Response) -> Response:
    """The response as it may be written."""
    headers = _kept(response.headers, KEPT_RESPONSE_HEADERS)
    places = ("location", "x-goog-upload-url")
    return replace(
        response,
        headers=tuple((name, _without_secrets(value) if name in places else value) for name, value in headers),
    )


def _kept(headers: Headers, names: re.Pattern[str]) -> Headers:
    return tuple((name.lower(), value) for name, value in headers if names.fullmatch(name.lower()))


def _without_secrets(uri: str) -> str:
    parts = urlsplit(uri)
    netloc = parts.netloc.rpartition("@")[2]  # user:password@host
    if not parts.query and netloc == parts.netloc:
        return uri
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    query = urlencode([(name, value) for name, value in pairs if name.lower() not in IGNORED_QUERY])
    return urlunsplit(parts._replace(netloc=netloc, query=query))
