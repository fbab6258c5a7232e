"""OpenAI's images, and the hosts that speak them: made, edited and varied; whole answers and event streams.

https://platform.openai.com/docs/api-reference/images
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_llmwatch.calls import JSON, MediaPart, Message, ModelCall, Part, ReasoningPart, TextPart

from .answers import answer_in, model_in_path, path_of
from .multipart import is_form_or_object, sent_in
from .openai_usage import media_billing_of, media_usage_of, usage_in
from .provider_costs import cost_of
from .reading import (
    first_text,
    hash_of_base64,
    hash_of_bytes,
    int_of,
    list_of,
    media_reference,
    object_of,
    objects_of,
    text_of,
    well_formed,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_llmwatch.exchange import Exchange, Request

_PATH = re.compile(r"/images/(generations|edits|variations)/?$")
_IMAGES = ("image", "images", "image_url", "mask", "reference_images")
_NOT_PARAMETERS = frozenset({"model", "prompt", *_IMAGES})
# What no two recordings of the same answer share: an address is signed for the day.
VOLATILE = frozenset({"id", "created", "created_at", "data[*].url", "url"})
VOLATILE_REQUEST: frozenset[str] = frozenset()


def claims(request: Request) -> bool:
    """Whether a request asks for images."""
    if request.method.upper() != "POST" or not _PATH.search(path_of(request)):
        return False
    return is_form_or_object(request)


def decode(exchange: Exchange) -> ModelCall:
    """The call in an exchange: what was asked, and as many images as arrived."""
    request = exchange.request
    asked, sent = _asked_in(exchange)
    answer = answer_in(
        exchange,
        expected="a JSON object with `data`",
        is_answer=_is_answer,
        is_end=_ends,
        streamed=asked.get("stream") in (True, "true"),
    )
    bodies = list(answer.bodies)
    usage, images = usage_in(bodies), list(_images_in(bodies))
    return ModelCall(
        operation_name="image_generation",
        request_model=text_of(asked.get("model")) or model_in_path(request),
        response_model=first_text(bodies, "model"),
        response_id=first_text(bodies, "id"),
        streaming=answer.is_stream,
        input_messages=(Message(role="user", parts=sent),) if sent else (),
        parameters={name: value for name, value in asked.items() if name not in _NOT_PARAMETERS},
        output_messages=tuple(Message(role="assistant", parts=tuple(_parts_of(image))) for image in images),
        usage=media_usage_of(usage),
        error_type=answer.error_type,
        error_message=answer.error_message,
        cost=cost_of(usage),
        billing=_billing_of(bodies, usage),
    )


def _asked_in(exchange: Exchange) -> tuple[dict[str, JSON], tuple[Part, ...]]:
    """The fields of a request, in JSON or in a form, and what was shown to the model."""
    form = sent_in(exchange)
    fields = form.fields
    parts: list[Part] = [TextPart(text=well_formed(prompt))] if (prompt := text_of(fields.get("prompt"))) else []
    for name in _IMAGES:
        for image in list_of(fields.get(name)) or [fields.get(name)]:
            parts += [MediaPart(kind="image", reference=reference)] if (reference := _reference_of(image)) else []
    parts += [MediaPart(kind="image", reference=hash_of_bytes(data)) for _, data in form.files]
    return fields, tuple(parts)


def _reference_of(image: JSON) -> str | None:
    """The address or id of an image that was sent, or a hash of its bytes."""
    held = object_of(image)
    nested = (held.get(name) for name in ("image_url", "url", "file_id", "b64_json"))
    texts = (text_of(each) or text_of(object_of(each).get("url")) for each in (image, *nested))
    found = next((text for text in texts if text), None)
    if found is None or found.startswith(("http:", "https:", "data:")) or found == text_of(held.get("file_id")):
        return found and media_reference(found)
    return hash_of_base64(found)


def _is_answer(body: dict[str, JSON]) -> bool:
    return isinstance(body.get("data"), list) or (text_of(body.get("type")) or "").startswith("image_")


def _ends(body: dict[str, JSON]) -> bool:
    return (text_of(body.get("type")) or "").endswith(".completed")


def _images_in(bodies: list[dict[str, JSON]]) -> list[dict[str, JSON]]:
    """The images of a body or of a stream; the last draft where none was finished."""
    whole = [image for body in bodies for image in objects_of(body.get("data"))]
    streamed = [body for body in bodies if "data" not in body and (text_of(body.get("b64_json")) or body.get("url"))]
    finished = [body for body in streamed if not (text_of(body.get("type")) or "").endswith(".partial_image")]
    return whole + (finished or streamed[-1:])


def _parts_of(image: dict[str, JSON]) -> Iterator[Part]:
    # What the model made of the prompt is on the way to the answer, and no part of it.
    if prompt := text_of(image.get("revised_prompt")):
        yield ReasoningPart(text=well_formed(prompt))
    if data := text_of(image.get("b64_json")):
        yield MediaPart(kind="image", reference=hash_of_base64(data))
    elif address := text_of(image.get("url")):
        yield MediaPart(kind="image", reference=media_reference(address))


def _billing_of(bodies: list[dict[str, JSON]], usage: dict[str, JSON]) -> dict[str, JSON]:
    facts = media_billing_of(usage)
    # Seedream bills images.
    made = int_of(usage.get("generated_images"))
    # https://platform.openai.com/docs/api-reference/images/object: another model draws the lines.
    others: list[JSON] = ["the tokens of a second model" for body in bodies if object_of(body.get("svg_usage"))]
    if int_of(usage.get("output_tokens")) and "output_tokens_details" not in usage:
        # The two have prices of their own.
        others.append("output tokens that are images or text")
    return facts | ({"images": made} if made else {}) | ({"other_charges": others} if others else {})
