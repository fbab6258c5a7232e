"""Documents ordered by what they say to a question: Cohere's format, and those of everybody who has one like it.

https://docs.cohere.com/reference/rerank, https://docs.voyageai.com/reference/reranker-api, https://api.jina.ai/redoc,
https://docs.nvidia.com/nim/nemo-retriever/text-reranking, https://huggingface.github.io/text-embeddings-inference,
https://docs.cloud.google.com/generative-ai-app-builder/docs/ranking, https://help.aliyun.com (`text-rerank`),
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent-runtime_Rerank.html
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from pytest_llmwatch.calls import JSON, MediaPart, Message, ModelCall, Part, TextPart, Usage

from .answers import Answer, answer_in, asked_in, model_in_path, path_of
from .cohere_answers import billing_in, usage_in
from .openai_messages import message_of
from .provider_costs import cost_of
from .reading import (
    hash_of_base64,
    int_of,
    json_of,
    list_of,
    media_reference,
    object_from,
    object_of,
    objects_of,
    text_of,
    well_formed,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_llmwatch.exchange import Exchange, Request

_PATH = re.compile(r"(/rerank|/reranking|/ranking|/text-rerank|:rank)/?$")
_QUERIES = ("query", "queries")
# Mixedbread's `input`, the `texts` of Hugging Face's servers, NVIDIA's, Google's, and Bedrock's.
_DOCUMENTS = ("documents", "input", "texts", "passages", "records", "sources")
_RESULTS = ("results", "data", "rankings", "records")
_SCORES = ("relevance_score", "score", "logit", "relevanceScore")
_NOT_PARAMETERS = frozenset({"model", *_QUERIES, *_DOCUMENTS})
# What no two recordings of the same answer share.
VOLATILE = frozenset({"id", "request_id", "created"})
VOLATILE_REQUEST: frozenset[str] = frozenset()


def claims(request: Request) -> bool:
    """Whether a request asks for documents to be ordered."""
    if request.method.upper() != "POST" or not _PATH.search(path_of(request)):
        return False
    asked = _asked_of(object_from(request.body) or {})
    return any(asked.get(name) for name in _QUERIES) and any(isinstance(asked.get(name), list) for name in _DOCUMENTS)


def decode(exchange: Exchange) -> ModelCall:
    """The call in an exchange: the question and the documents, and their scores as the output, best first."""
    asked = _asked_of(asked_in(exchange, expected="a JSON object with `query` and `documents`"))
    answer = _answer_in(exchange)
    usage = object_of(answer.body.get("usage"))
    results = _results_in(answer.body)
    return ModelCall(
        operation_name="rerank",
        request_model=text_of(asked.get("model")) or _model_of_bedrock(asked) or model_in_path(exchange.request),
        response_model=text_of(answer.body.get("model")),
        response_id=text_of(answer.body.get("id")) or text_of(answer.body.get("request_id")),
        streaming=answer.is_stream,
        input_messages=tuple(_messages_of(asked)),
        parameters={name: value for name, value in asked.items() if name not in _NOT_PARAMETERS},
        output_messages=() if results is None else (_message_of(results),),
        usage=_usage_of(usage, usage_in(answer)),
        error_type=answer.error_type,
        error_message=answer.error_message,
        cost=cost_of(usage),
        billing=_billing_of(answer, usage),
    )


def _asked_of(body: dict[str, JSON]) -> dict[str, JSON]:
    """What is asked; Alibaba Cloud puts it into `input`, and its settings into `parameters`."""
    held = object_of(body.get("input"))
    if not held:
        return body
    others = {name: value for name, value in body.items() if name not in ("input", "parameters")}
    return {**others, **object_of(body.get("parameters")), **held}


def _answer_in(exchange: Exchange) -> Answer:
    response = exchange.response
    if response is not None and 200 <= response.status < 300 and response.body.lstrip().startswith(b"["):
        try:
            rows = objects_of(json_of(response.body))
        except ValueError:
            rows = []
        if any(_score_of(row) is not None for row in rows):
            # The servers of Hugging Face answer with the list alone.
            return Answer(bodies=({"results": [*rows]},))
    return answer_in(
        exchange,
        expected="a JSON object with `results`",
        is_answer=lambda body: _results_in(body) is not None,
    )


def _results_in(body: dict[str, JSON]) -> list[dict[str, JSON]] | None:
    holders = (body, object_of(body.get("output")))
    return next((objects_of(each[name]) for each in holders for name in _RESULTS if name in each), None)


def _score_of(row: dict[str, JSON]) -> JSON:
    said = (row.get(name) for name in _SCORES)
    return next((score for score in said if isinstance(score, int | float) and not isinstance(score, bool)), None)


def _message_of(results: list[dict[str, JSON]]) -> Message:
    """The scores as JSON, in the order and with the numbers that were answered: the documents stand in the input."""
    rows = [_told(row) for row in results]
    return Message(role="assistant", parts=(TextPart(text=json.dumps(rows)),))


def _told(row: dict[str, JSON]) -> dict[str, JSON]:
    index = int_of(row.get("index"))
    # Google's have the names that they were sent with.
    place: dict[str, JSON] = {"id": row.get("id")} if index is None else {"index": index}
    return {**place, "relevance_score": _score_of(row)}


def _messages_of(asked: dict[str, JSON]) -> Iterator[Message]:
    """One message for the question, and one for each document."""
    for name in _QUERIES:
        for query in _each_of(asked.get(name)):
            yield Message(role="user", parts=tuple(_parts_of(query)))
    for name in _DOCUMENTS:
        for document in list_of(asked.get(name)):
            yield Message(role="user", parts=tuple(_parts_of(document)))


def _each_of(value: JSON) -> list[JSON]:
    return value if isinstance(value, list) else [value] if value else []


def _parts_of(document: JSON) -> Iterator[Part]:
    if isinstance(document, str):
        yield from [TextPart(text=well_formed(document))] if document else []
    elif isinstance(document, dict) and isinstance(document.get("content"), list):
        # Voyage's, of texts and images.
        yield from message_of({"role": "user", "content": document["content"]}).parts
    elif isinstance(document, dict):
        texts, images = text_of(document.get("text")), text_of(document.get("image"))
        if texts:
            yield TextPart(text=well_formed(texts))
        if images:
            is_address = images.startswith(("http://", "https://", "data:"))
            reference = media_reference(images) if is_address else hash_of_base64(images)
            yield MediaPart(kind="image", reference=reference)
        if not texts and not images:
            # A document may have fields of any name, some of which `rank_fields` picks.
            yield TextPart(text=well_formed(json.dumps(document, ensure_ascii=False)))


def _model_of_bedrock(asked: dict[str, JSON]) -> str | None:
    settings = object_of(object_of(asked.get("rerankingConfiguration")).get("bedrockRerankingConfiguration"))
    return text_of(object_of(settings.get("modelConfiguration")).get("modelArn"))


def _usage_of(usage: dict[str, JSON], of_cohere: Usage) -> Usage:
    """What was used; nothing is written, so a total alone (Voyage, Jina) is what was read."""
    counted = (int_of(usage.get(name)) for name in ("prompt_tokens", "input_tokens", "total_tokens"))
    written = (int_of(usage.get(name)) for name in ("completion_tokens", "output_tokens"))
    return Usage(
        input_tokens=next((number for number in counted if number is not None), of_cohere.input_tokens),
        output_tokens=next((number for number in written if number is not None), of_cohere.output_tokens),
    )


def _billing_of(answer: Answer, usage: dict[str, JSON]) -> dict[str, JSON]:
    """What the bill depends on: searches with Cohere, also where a gateway puts them among the tokens."""
    billing = billing_in(answer)
    searches = usage.get("search_units")
    if "search_units" in billing or not isinstance(searches, int | float) or not searches:
        return billing
    return {**billing, "search_units": searches, "other_charges": ["search units"]}
