"""The support desk of a shop: it answers questions about returns with a model, and looks orders up with a tool."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from openai import OpenAI

if TYPE_CHECKING:
    from collections.abc import Iterator

MODEL = "gpt-5-mini"
PROMPT = "You are the support desk of a shop. Answer politely, in the language of the customer."
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_order_status",
            "description": "Where an order is",
            "parameters": {
                "type": "object",
                "properties": {"order_id": {"type": "string"}},
                "required": ["order_id"],
            },
        },
    }
]
ORDERS = {"A-1001": "shipped on Monday", "A-1002": "waiting for payment"}


def client() -> OpenAI:
    """A client of MODEL_BASE_URL, else of the SDK's own server; the SDK insists on a key, a replay does not."""
    return OpenAI(base_url=os.environ.get("MODEL_BASE_URL") or None, api_key=os.environ.get("OPENAI_API_KEY") or "none")


def conversation(question: str) -> list[dict]:
    """What the model is told before it answers."""
    return [{"role": "system", "content": PROMPT}, {"role": "user", "content": question}]


def answer(question: str) -> str:
    """The whole answer."""
    with client() as openai:
        completion = openai.chat.completions.create(model=MODEL, messages=conversation(question))
    return completion.choices[0].message.content


def streamed_answer(question: str) -> Iterator[str]:
    """The answer piece by piece, as a chat window shows it."""
    with client() as openai:
        stream = openai.chat.completions.create(
            model=MODEL, messages=conversation(question), stream=True, stream_options={"include_usage": True}
        )
        for event in stream:
            if event.choices and event.choices[0].delta.content:
                yield event.choices[0].delta.content


def answer_about_order(question: str) -> str:
    """The answer to a question for which the model may look an order up."""
    messages = conversation(question)
    with client() as openai:
        asked = openai.chat.completions.create(model=MODEL, messages=messages, tools=TOOLS).choices[0].message
        if not asked.tool_calls:
            return asked.content
        messages.append(asked.model_dump(include={"role", "content", "tool_calls"}))
        for call in asked.tool_calls:
            order = json.loads(call.function.arguments)["order_id"]
            status = ORDERS.get(order, "unknown")
            messages.append({"role": "tool", "tool_call_id": call.id, "content": f"{order}: {status}"})
        told = openai.chat.completions.create(model=MODEL, messages=messages, tools=TOOLS)
    return told.choices[0].message.content
