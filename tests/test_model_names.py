"""Where each format names its model, and that a swap changes the name and nothing else."""

import json
import re

import pytest

from pytest_llmwatch.exchange import Request
from pytest_llmwatch.wire.model_names import is_signed, models_in, with_model

OPENAI = "https://api.openai.com/v1"
GEMINI = "https://generativelanguage.googleapis.com/v1beta"
VERTEX = "https://europe-west4-aiplatform.googleapis.com/v1/projects/p/locations/europe-west4"
AZURE = "https://shop.openai.azure.com/openai/deployments"
BEDROCK = "https://bedrock-runtime.us-east-1.amazonaws.com/model"
CLAUDE = "anthropic.claude-3-haiku-20240307-v1:0"


def request(uri, body=b"", method="POST", **headers):
    content = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    return Request(method=method, uri=uri, headers=tuple(headers.items()), body=content)


def swapped(request, **names):
    return with_model(request, lambda name: names.get(name, name))


def renamed(request, old, new):
    return with_model(request, lambda name: new if name == old else name)


@pytest.mark.parametrize(
    "uri, body, old, new_uri, new_body",
    [
        (f"{OPENAI}/chat/completions", {"model": "OLD", "messages": []}, "OLD", None, {"model": "NEW", "messages": []}),
        (f"{OPENAI}/responses", {"input": "a", "model": "OLD"}, "OLD", None, {"input": "a", "model": "NEW"}),
        ("https://api.anthropic.com/v1/messages", {"model": "OLD"}, "OLD", None, {"model": "NEW"}),
        ("https://openrouter.ai/api/v1/chat/completions", {"model": "x", "models": ["OLD", "y"]}, "OLD", None,
         {"model": "x", "models": ["NEW", "y"]}),
        ("https://eu-de.ml.cloud.ibm.com/ml/v1/text/chat", {"model_id": "OLD"}, "OLD", None, {"model_id": "NEW"}),
        ("https://api.anthropic.com/v1/messages/batches", {"requests": [{"params": {"model": "OLD"}}] * 2}, "OLD", None,
         {"requests": [{"params": {"model": "NEW"}}] * 2}),
        (f"{GEMINI}/models/OLD:generateContent?key=k", {"contents": []}, "OLD",
         f"{GEMINI}/models/NEW:generateContent?key=k", None),
        (f"{GEMINI}/models/OLD:streamGenerateContent?alt=sse", {}, "OLD",
         f"{GEMINI}/models/NEW:streamGenerateContent?alt=sse", None),
        (f"{GEMINI}/models/OLD:batchEmbedContents", {"requests": [{"model": "models/OLD"}, {"model": "models/x"}]},
         "OLD", f"{GEMINI}/models/NEW:batchEmbedContents",
         {"requests": [{"model": "models/NEW"}, {"model": "models/x"}]}),
        (f"{GEMINI}/models/OLD:countTokens", {"generateContentRequest": {"model": "models/OLD"}}, "OLD",
         f"{GEMINI}/models/NEW:countTokens", {"generateContentRequest": {"model": "models/NEW"}}),
        (f"{VERTEX}/publishers/google/models/OLD:generateContent", {}, "OLD",
         f"{VERTEX}/publishers/google/models/NEW:generateContent", None),
        (f"{VERTEX}/publishers/anthropic/models/OLD:rawPredict", {"anthropic_version": "v"}, "OLD",
         f"{VERTEX}/publishers/anthropic/models/NEW:rawPredict", None),
        (f"{VERTEX}/publishers/anthropic/models/count-tokens:rawPredict", {"model": "OLD"}, "OLD", None,
         {"model": "NEW"}),
        (f"{AZURE}/OLD/chat/completions?api-version=1", {"model": "OLD", "messages": []}, "OLD",
         f"{AZURE}/NEW/chat/completions?api-version=1", {"model": "NEW", "messages": []}),
        (f"{BEDROCK}/anthropic.claude-3-haiku-20240307-v1%3A0/converse", {"messages": []}, CLAUDE,
         f"{BEDROCK}/NEW/converse", None),
        (f"{BEDROCK}/arn%3Aaws%3Abedrock%3A%3A1%3Aprofile%2Fx/invoke", {}, "arn:aws:bedrock::1:profile/x",
         f"{BEDROCK}/NEW/invoke", None),
        ("https://api.cloudflare.com/client/v4/accounts/1/ai/run/@cf/meta/llama-3", {}, "@cf/meta/llama-3",
         "https://api.cloudflare.com/client/v4/accounts/1/ai/run/NEW", None),
        ("https://api-inference.huggingface.co/models/google/flan", {"inputs": "a"}, "google/flan",
         "https://api-inference.huggingface.co/models/NEW", None),
        ("https://api.replicate.com/v1/models/meta/llama/predictions", {"input": {}}, "meta/llama",
         "https://api.replicate.com/v1/models/NEW/predictions", None),
    ],
)  # fmt: skip
def test_the_model_is_found_where_each_format_has_it(uri, body, old, new_uri, new_body):
    before = request(uri, body)

    after = renamed(before, old, "NEW")

    assert old in models_in(before)
    assert after.uri == (new_uri or uri)
    assert json.loads(after.body) == (new_body or body)
    assert after.headers == before.headers


def test_a_new_name_is_quoted_as_the_address_needs_it():
    bedrock = renamed(request(f"{BEDROCK}/a.b/converse", {}), "a.b", "us.amazon.nova-lite-v1:0")
    vertex = renamed(request(f"{GEMINI}/models/a:generateContent", {}), "a", "google/gemini 3")

    assert bedrock.uri == f"{BEDROCK}/us.amazon.nova-lite-v1%3A0/converse"
    assert vertex.uri == f"{GEMINI}/models/google/gemini%203:generateContent"


@pytest.mark.parametrize(
    "asked",
    [
        request(f"{OPENAI}/chat/completions", b'{ "model":  "other", "n": 1.0 }'),
        request(f"{OPENAI}/chat/completions", {"messages": [{"content": "model: OLD", "model": "OLD"}]}),
        request(f"{OPENAI}/chat/completions", {"model": "OLD-mini", "tools": [{"model": "OLD"}]}),
        request(f"{OPENAI}/chat/completions", {"model": {"OLD": "OLD"}, "models": "OLD"}),
        request(f"{OPENAI}/models/OLD", method="GET"),
        request(f"{OPENAI}/chat/completions", b"OLD\xff"),
        request(f"{OPENAI}/chat/completions", b'{"model": "OLD"'),
        request("https://example.com/?model=OLD"),
    ],
)
def test_what_does_not_name_the_model_stays_as_it_is(asked):
    assert swapped(asked, OLD="NEW") is asked


def test_the_rest_of_a_body_keeps_its_value():
    text = (
        '{"model":"OLD","messages":[{"content":"返品 \\ud83d\\ude42 1e400"}],"seed":12345678901234567890,"top_p":0.1}'
    )

    after = swapped(request(f"{OPENAI}/chat/completions", text.encode()), OLD="新")

    assert json.loads(after.body) == json.loads(text) | {"model": "新"}
    assert "返品" in after.body.decode()


def test_a_lone_surrogate_does_not_break_the_swap():
    after = swapped(request(f"{OPENAI}/chat/completions", b'{"model": "OLD", "a": "\\ud83d"}'), OLD="NEW")

    assert json.loads(after.body) == {"model": "NEW", "a": "\ud83d"}


def test_the_field_of_a_form_is_changed_and_nothing_beside_it():
    form = (
        b'--b0\r\nContent-Disposition: form-data; name="model"\r\n\r\nOLD\r\n'
        b'--b0\r\nContent-Disposition: form-data; name="file"; filename="OLD.wav"\r\n'
        b"Content-Type: audio/wav\r\n\r\nRIFF\r\nOLD\r\n--b0--\r\n"
    )
    asked = request(f"{OPENAI}/audio/transcriptions", form, **{"content-type": "multipart/form-data; boundary=b0"})

    after = swapped(asked, OLD="NEW")

    assert models_in(asked) == ("OLD",)
    assert after.body == re.sub(rb"OLD(?=\r\n--b0\r)", b"NEW", form, count=1)


@pytest.mark.parametrize(
    "headers, query, expected",
    [
        ({"Authorization": "AWS4-HMAC-SHA256 Credential=a/b, Signature=c"}, "", True),
        ({"authorization": "TC3-HMAC-SHA256 Credential=a"}, "", True),
        ({}, "?X-Amz-Signature=1", True),
        ({"authorization": "Bearer hmac-1"}, "", False),
        ({}, "", False),
    ],
)
def test_a_signed_request_is_known_by_its_signature(headers, query, expected):
    assert is_signed(request(f"{BEDROCK}/{CLAUDE}/converse{query}", {}, **headers)) is expected
