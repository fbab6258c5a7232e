"""Bytes to model calls, one module per wire format. A module is two functions: `claims` and `decode`."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from pytest_llmwatch.calls import ModelCall
from pytest_llmwatch.errors import UndecodableExchange

from .hosts import provider_of
from .provider_facts import facts_in_headers

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_llmwatch.exchange import Exchange, Request


class Format(Protocol):
    """What a module of this package, or of somebody else's, provides."""

    def claims(self, request: Request) -> bool:
        """Whether a request speaks this format; there is no response yet when it matters."""

    def decode(self, exchange: Exchange) -> ModelCall:
        """The call in a claimed exchange; raises `UndecodableExchange` only where a body is not the format at all."""


@functools.cache
def formats() -> tuple[Format, ...]:
    """The built-in formats, in the order in which they are asked."""
    from . import (
        a2a,
        anthropic_batches,
        anthropic_complete,
        anthropic_count_tokens,
        anthropic_messages,
        bedrock_converse,
        bedrock_count_tokens,
        bedrock_invoke,
        cloudflare_run,
        cohere_chat,
        cohere_embed,
        cohere_generate,
        gemini,
        gemini_count_tokens,
        gemini_embeddings,
        gemini_interactions,
        huggingface,
        in_process,
        llama_cpp,
        mcp,
        mistral_conversations,
        ollama,
        openai_batches,
        openai_chat,
        openai_completions,
        openai_count_tokens,
        openai_embeddings,
        openai_images,
        openai_moderations,
        openai_responses,
        openai_speech,
        openai_transcriptions,
        replicate,
        rerank,
        snowflake_cortex,
        vertex_predict,
        watsonx,
    )

    # Before OpenAI's: `/v1/chat` is the path of both, and so is `/embeddings`.
    cohere = (cohere_chat, cohere_embed, cohere_generate)
    openai = (openai_chat, openai_responses, openai_embeddings, openai_completions, openai_count_tokens)
    media = (openai_images, openai_speech, openai_transcriptions, openai_moderations, openai_batches)
    anthropic = (anthropic_messages, anthropic_count_tokens, anthropic_complete, anthropic_batches)
    google = (gemini, gemini_count_tokens, gemini_embeddings, gemini_interactions, vertex_predict)
    bedrock = (bedrock_converse, bedrock_invoke, bedrock_count_tokens)
    hosts = (cloudflare_run, snowflake_cortex, mistral_conversations, llama_cpp, ollama, huggingface, replicate)
    agents = (mcp, a2a)
    return (*cohere, watsonx, *openai, *media, *anthropic, *google, *bedrock, *hosts, *agents, rerank, in_process)


# Where a format does not name its own.
VOLATILE = frozenset({"id", "created", "created_at", "request_id", "responseId", "system_fingerprint"})


@functools.lru_cache(maxsize=16)  # routed, keyed, read and written, a request is asked about several times in a row
def claiming(request: Request) -> Format | None:
    """The built-in format that a request speaks."""
    return next((each for each in formats() if each.claims(request)), None)


def volatile_of(request: Request) -> tuple[frozenset[str], frozenset[str]]:
    """The fields of a request and of its response that no two recordings of the same answer share."""
    spoken = claiming(request)
    return getattr(spoken, "VOLATILE_REQUEST", frozenset()), getattr(spoken, "VOLATILE", VOLATILE)


def decode(exchange: Exchange) -> ModelCall:
    """The call in an exchange, by the first format that claims it, with its provider and its times."""
    spoken = claiming(exchange.request)
    call = spoken.decode(exchange) if spoken else ModelCall()
    return with_facts(call, exchange)


def read(exchange: Exchange, decode: Callable[[Exchange], ModelCall] = decode) -> ModelCall:
    """The call in an exchange, also where the body is not what the request claimed: that is its `error_type` then."""
    try:
        return decode(exchange)
    except UndecodableExchange as error:
        return with_facts(ModelCall(error_type="undecodable", error_message=str(error)), exchange)


def with_facts(call: ModelCall, exchange: Exchange) -> ModelCall:
    """The call with what no body says: who served it, how long it took, and why the transfer ended early."""
    failure = exchange.failure
    headers = exchange.response.headers if exchange.response else ()
    return replace(
        call,
        provider_name=call.provider_name or provider_of(exchange.request.uri),
        error_type=call.error_type or (failure.kind if failure else None),
        error_message=call.error_message or (failure.message or None if failure else None),
        latency=exchange.duration,
        time_to_first_chunk=exchange.time_to_first_chunk,
        provider_facts=facts_in_headers(headers) | call.provider_facts,
    )
