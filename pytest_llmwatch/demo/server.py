"""A demo model server that speaks OpenAI chat completions; it needs nothing but the standard library.

It plays the support desk of a shop and answers questions about returns and refunds, in English and in Japanese. The
answer is computed from the prompt, so the same request is answered by the same bytes.

https://platform.openai.com/docs/api-reference/chat
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import socket
import socketserver
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Literal, Self

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

JSON = dict[str, Any]
FinishReason = Literal["stop", "length", "tool_calls", "content_filter"]

CREATED = 1_765_000_000
SERVED_MODELS = {
    "gpt-5": "gpt-5-2025-08-07",
    "gpt-5-mini": "gpt-5-mini-2025-08-07",
    "gpt-5-nano": "gpt-5-nano-2025-08-07",
    "gpt-4.1": "gpt-4.1-2025-04-14",
    "gpt-4.1-mini": "gpt-4.1-mini-2025-04-14",
    "gpt-4.1-nano": "gpt-4.1-nano-2025-04-14",
    "gpt-4o": "gpt-4o-2024-08-06",
    "gpt-4o-mini": "gpt-4o-mini-2024-07-18",
}
ROLES = ("system", "assistant", "user", "function", "tool", "developer")
JAPANESE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedRequest:
    """One request as it arrived.

    `path` has the query with it; the names in `headers` are in lower case; `body` is as sent, without chunk framing.
    """

    method: str
    path: str
    headers: dict[str, str]
    body: bytes = b""

    @property
    def json(self) -> object:
        """The body as JSON, `None` where it is something else."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What to send, piece by piece.

    `chunked` frames each piece by itself, else the sum of the pieces is the content length. `wait` passes before the
    status line, `delay` before each piece after the first. After `cut_after` pieces the connection is dropped.
    """

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    pieces: tuple[bytes, ...] = ()
    chunked: bool = False
    wait: float = 0.0
    delay: float = 0.0
    cut_after: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """One tool the model asks for; `arguments` is the JSON text that the wire carries."""

    name: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What the model says, before any wire format."""

    content: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: FinishReason = "stop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """One thing the support desk knows; `{item}` in an answer is what the customer asked about."""

    name: str
    english_words: str
    japanese_words: str
    english: str
    japanese: str

    def mentions_in(self, text: str) -> int:
        """How many of the topic's words the text holds."""
        english = re.findall(rf"\b(?:{self.english_words})", text, re.IGNORECASE)
        return len(english) + len(re.findall(self.japanese_words, text))


TOPICS = (
    Topic(
        name="used",
        english_words="used|opened|unsealed|second-hand",
        japanese_words="使用済|使った|使用した|開封|中古",
        english="Yes, you can return a used {item} within 14 days of delivery, if it is undamaged and its accessories "
        "are included. We refund the price you paid, minus a 10% restocking fee.",
        japanese="はい、使用済みの{item}は、破損がなく付属品がそろっていれば、お届けから14日以内に返品できます。"
        "代金から10%の手数料を差し引いて返金いたします。",
    ),
    Topic(
        name="damaged",
        english_words="damaged?|broken|defect|faulty|cracked",
        japanese_words="壊れ|故障|不良|破損|割れ",
        english="I am sorry that your {item} arrived that way. Send us a photo within 30 days of delivery and we will "
        "replace it or refund it in full. We pay the return shipping.",
        japanese="{item}に不具合があり、申し訳ございません。お届けから30日以内に写真をお送りいただければ、"
        "交換または全額返金いたします。返送料は当店が負担します。",
    ),
    Topic(
        name="digital",
        english_words="download|software|digital|subscription|e-?book",
        japanese_words="ダウンロード|ソフト|デジタル|サブスク|電子書籍",
        english="Digital goods can be refunded within 7 days, as long as they have not been downloaded. "
        "A subscription can be cancelled at any time and ends with the paid month.",
        japanese="デジタル商品は、ダウンロード前であれば7日以内に返金できます。"
        "サブスクリプションはいつでも解約でき、お支払い済みの月末で終了します。",
    ),
    Topic(
        name="shipping",
        english_words="shipping|postage|return label|courier",
        japanese_words="送料|返送|配送|着払い",
        english="Return shipping costs 4.90 EUR and is taken off the refund. It is free for faulty goods and for "
        "orders above 100 EUR.",
        japanese="返送料は700円で、返金額から差し引かれます。不良品の場合と、15,000円以上のご注文の場合は無料です。",
    ),
    Topic(
        name="timing",
        english_words="how long|when will|how many days|how soon|arrive on my account",
        japanese_words="いつ|何日|どのくらい|どれくらい|日数",
        english="A refund reaches your account 5 working days after your {item} has arrived at our warehouse. "
        "You get an e-mail when we send it.",
        japanese="{item}が倉庫に到着してから5営業日以内に、ご返金いたします。手続きが済みましたらメールでお知らせします。",
    ),
    Topic(
        name="receipt",
        english_words="receipt|invoice|proof of purchase|order confirmation",
        japanese_words="レシート|領収書|明細|購入証明",
        english="You need no receipt: the order number or the e-mail address you ordered with is enough. "
        "Without either we can offer store credit only.",
        japanese="レシートがなくても、注文番号かご注文時のメールアドレスがあれば返品できます。"
        "どちらもない場合は、ストアクレジットでのご返金となります。",
    ),
    Topic(
        name="exchange",
        english_words="exchange|swap|another size|different colou?r",
        japanese_words="交換|別のサイズ|サイズ違い|色違い",
        english="You can exchange your {item} once, free of charge, within 30 days of delivery. "
        "If the new one costs more, you pay the difference.",
        japanese="{item}は、お届けから30日以内に一度だけ無料で交換できます。差額がある場合はご負担ください。",
    ),
    Topic(
        name="return",
        english_words="return|refund|send back|money back",
        japanese_words="返品|返金|払い戻し",
        english="You can return an unused {item} within 30 days of delivery for a full refund. "
        "Start the return in your account under Orders.",
        japanese="未使用の{item}は、お届けから30日以内であれば返品でき、全額返金いたします。"
        "マイページの「注文履歴」からお手続きください。",
    ),
)
ENGLISH_ITEMS = re.compile(
    r"\b(smartphone|phone|laptop|camera|book|jacket|tablet|watch|game console|bicycle|e-?book|keyboard)\b",
    re.IGNORECASE,
)
JAPANESE_ITEMS = re.compile(
    r"携帯電話|スマートフォン|スマホ|電話|ノートパソコン|パソコン|カメラ|靴|時計|タブレット|自転車|キーボード"
)
FOLLOW_UP = re.compile(r"^\s*(?:and|what about|how about|では|じゃあ|それでは)", re.IGNORECASE)
BRIEF = re.compile(r"\b(?:briefly|brief|concise|short|one sentence)\b|簡潔|一文|短く", re.IGNORECASE)
FALLBACKS = {
    "en": "I can only help with returns and refunds, so I have no answer to “{question}”. "
    "Please write to support@shop.example and a colleague will get back to you.",
    "ja": "申し訳ございませんが、返品と返金のご質問のみ承っております。「{question}」については、"
    "support@shop.example までお問い合わせください。",
}
TOOL_REPORTS = {"en": "Here is what I found: {results}", "ja": "確認しました。結果は次のとおりです：{results}"}

# Verbs say what a tool does, the other words of its name say what it is about.
TOOL_VERBS = {"get", "find", "look", "lookup", "up", "search", "fetch", "check", "create", "list", "show", "read", "by"}
JAPANESE_TOOL_WORDS = {
    "order": "注文",
    "refund": "返金",
    "return": "返品",
    "stock": "在庫",
    "price": "価格|値段|いくら",
    "weather": "天気",
    "shipping": "送料|配送",
    "policy": "規約|ポリシー",
    "customer": "顧客|お客様",
    "status": "状況|状態",
}


def completion_for(payload: JSON) -> Completion:
    """The answer to a chat completions request that is in order."""
    messages = payload["messages"]
    question = question_of(messages)
    if calls := tool_calls_for(payload, question):
        return Completion(tool_calls=calls, finish_reason="tool_calls")
    return shortened(shaped(payload, answer_to(messages)), limit=token_limit_of(payload))


def question_of(messages: Sequence[JSON]) -> str:
    """The text of the last user message."""
    return next((text_of(message) for message in reversed(messages) if message["role"] == "user"), "")


def text_of(message: JSON) -> str:
    """The text of a message, whether its content is a string or a list of parts."""
    content = message.get("content")
    if isinstance(content, list):
        return "\n".join(str(part["text"]) for part in content if isinstance(part, dict) and "text" in part)
    return content if isinstance(content, str) else ""


def language_of(text: str) -> Literal["en", "ja"]:
    """Japanese where any kana or kanji stands in the text."""
    return "ja" if JAPANESE.search(text) else "en"


def answer_to(messages: Sequence[JSON]) -> str:
    """What the support desk says to this conversation."""
    question = question_of(messages)
    language = language_of(question)
    if messages[-1]["role"] == "tool":
        return TOOL_REPORTS[language].format(results=" ".join(last_tool_results(messages)))
    topic = topic_of(messages)
    if topic is None:
        return FALLBACKS[language].format(question=question.strip())
    template = topic.japanese if language == "ja" else topic.english
    instructions = " ".join(text_of(message) for message in messages if message["role"] in ("system", "developer"))
    answer = template.format(item=item_in(question, language))
    return first_sentence(answer) if BRIEF.search(instructions) or BRIEF.search(question) else answer


def last_tool_results(messages: Sequence[JSON]) -> list[str]:
    """The results of the last round of tool calls, in order."""
    results: list[str] = []
    for message in reversed(messages):
        if message["role"] != "tool":
            break
        results.insert(0, text_of(message))
    return results


def topic_of(messages: Sequence[JSON]) -> Topic | None:
    """What the conversation is about; "And a laptop?" keeps the topic of the question before it."""
    for question in (text_of(message) for message in reversed(messages) if message["role"] == "user"):
        topic = max(TOPICS, key=lambda topic: topic.mentions_in(question))
        if topic.mentions_in(question):
            return topic
        if not FOLLOW_UP.match(question):
            return None
    return None


def item_in(question: str, language: Literal["en", "ja"]) -> str:
    """The thing a question is about."""
    found = (JAPANESE_ITEMS if language == "ja" else ENGLISH_ITEMS).search(question)
    return found.group().lower() if found else {"en": "item", "ja": "商品"}[language]


def first_sentence(text: str) -> str:
    """The text up to its first full stop."""
    return re.split(r"(?<=。)|(?<=[.!?]) ", text, maxsplit=1)[0]


def shaped(payload: JSON, answer: str) -> str:
    """The answer in the `response_format` asked for."""
    response_format = object_in(payload.get("response_format"))
    question = question_of(payload["messages"])
    if response_format.get("type") == "json_schema":
        schema = object_in(object_in(response_format.get("json_schema")).get("schema"))
        return json.dumps(value_for("", {"type": "object"} | schema, question), ensure_ascii=False)
    if response_format.get("type") == "json_object":
        return json.dumps({"answer": answer, "language": language_of(question)}, ensure_ascii=False)
    return answer


def token_limit_of(payload: JSON) -> int | None:
    """The most tokens the request wants back."""
    limit = payload.get("max_completion_tokens") or payload.get("max_tokens")
    return limit if isinstance(limit, int) else None


def shortened(text: str, *, limit: int | None) -> Completion:
    """The text cut off at a number of tokens."""
    if limit is None or tokens_in(text) <= limit:
        return Completion(content=text)
    kept = ""
    for piece in pieces_of(text):
        if tokens_in(kept + piece) > limit:
            break
        kept += piece
    return Completion(content=kept, finish_reason="length")


def tool_calls_for(payload: JSON, question: str) -> tuple[ToolCall, ...]:
    """The tools whose names the question mentions best, or the one that `tool_choice` forces."""
    functions = [tool["function"] for tool in payload.get("tools") or () if tool.get("type") == "function"]
    choice = payload.get("tool_choice", "auto")
    if not functions or choice == "none" or payload["messages"][-1]["role"] == "tool":
        return ()
    if isinstance(choice, dict):
        wanted = object_in(choice.get("function")).get("name")
        chosen = [function for function in functions if function["name"] == wanted]
    else:
        chosen = best_matches(functions, question) or (functions[:1] if choice == "required" else [])
    if payload.get("parallel_tool_calls") is False:
        chosen = chosen[:1]
    return tuple(ToolCall(name=function["name"], arguments=arguments_for(function, question)) for function in chosen)


def best_matches(functions: Sequence[JSON], question: str) -> list[JSON]:
    """The functions with the most words of their names in the question; several when they share the first place."""
    scores = [words_shared(function["name"], question) for function in functions]
    best = max(scores)
    return [function for function, score in zip(functions, scores, strict=True) if best and score == best]


def words_shared(tool_name: str, question: str) -> int:
    """How many telling words of a tool's name the question holds."""
    spaced = re.sub(r"([a-z])([A-Z])", r"\1 \2", tool_name).lower()
    words = set(re.findall(r"[a-z]+", spaced)) - TOOL_VERBS
    return sum(
        bool(re.search(rf"\b{word}|{JAPANESE_TOOL_WORDS.get(word, '(?!)')}", question, re.IGNORECASE)) for word in words
    )


def arguments_for(function: JSON, question: str) -> str:
    """Arguments that fit the function's schema, found in the question where they can be."""
    return json.dumps(
        value_for("", {"type": "object"} | object_in(function.get("parameters")), question), ensure_ascii=False
    )


def value_for(name: str, schema: JSON, question: str) -> object:
    """A value of a JSON Schema, found in the question where it can be."""
    if choices := schema.get("enum"):
        return next((choice for choice in choices if str(choice).lower() in question.lower()), choices[0])
    kind = schema.get("type", "object" if "properties" in schema else "string")
    match kind[0] if isinstance(kind, list) else kind:
        case "object":
            properties = object_in(schema.get("properties"))
            return {key: value_for(key, object_in(part), question) for key, part in properties.items()}
        case "array":
            return [value_for(name, object_in(schema.get("items")), question)]
        case "boolean" | "null" as simple:
            return True if simple == "boolean" else None
        case "integer" | "number" as numeric:
            return number_in(question, whole=numeric == "integer")
    return words_for(name, question)


def object_in(value: object) -> JSON:
    """The JSON object at a place where there should be one."""
    return value if isinstance(value, dict) else {}


def number_in(question: str, *, whole: bool) -> int | float:
    """The first number of a question, else 1."""
    found = re.search(r"\d+(?:\.\d+)?", question)
    if found is None:
        return 1
    return int(float(found.group())) if whole else float(found.group())


def words_for(name: str, question: str) -> str:
    """The part of a question that a string argument of this name would want."""
    patterns = [r"[\"“「]([^\"”」]+)[\"”」]"]
    if re.search(r"id$|number|order|code|sku", name, re.IGNORECASE):
        patterns += [r"(?<![A-Za-z0-9])([A-Z]+-?\d+)", r"(\d{2,})"]
    if re.search(r"city|location|place|country", name, re.IGNORECASE):
        patterns.append(r"\b(?:in|at|for|from) ([A-Z]\w+(?: [A-Z]\w+)*)|([\u3400-\u9fff]{2,})の")
    for pattern in patterns:
        if found := re.search(pattern, question):
            return next(group for group in found.groups() if group)
    return question.strip()


def tokens_in(text: str) -> int:
    """About as many tokens as a byte-pair encoding would find: one per kana or kanji, one per 5 letters of a word."""
    japanese = len(JAPANESE.findall(text))
    words = re.findall(r"\w+|[^\w\s]", JAPANESE.sub(" ", text))
    return japanese + sum(-(-len(word) // 5) for word in words)


def usage_of(payload: JSON, completion: Completion) -> JSON:
    """The `usage` object of a response."""
    prompt = 3 + sum(3 + tokens_in(json.dumps(message, ensure_ascii=False)) // 2 for message in payload["messages"])
    prompt += tokens_in(json.dumps(payload["tools"])) // 2 if payload.get("tools") else 0
    answered = tokens_in(completion.content or "")
    answered += sum(8 + tokens_in(call.name) + tokens_in(call.arguments) for call in completion.tool_calls)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": answered,
        "total_tokens": prompt + answered,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def reply_to(request: ReceivedRequest) -> Reply:
    """The server's reply to any request at all."""
    path = request.path.partition("?")[0]
    if request.method == "GET" and path == "/v1/models":
        return json_reply({"object": "list", "data": [model_entry(model) for model in SERVED_MODELS.values()]})
    if (request.method, path) != ("POST", "/v1/chat/completions"):
        return error_reply(404, f"Invalid URL ({request.method} {path})")
    payload = request.json
    if not isinstance(payload, dict):
        return error_reply(400, "We could not parse the JSON body of your request.")
    return complaint_about(payload) or completion_reply(payload, completion_for(payload))


def model_entry(model: str) -> JSON:
    """One line of the list of models."""
    return {"id": model, "object": "model", "created": CREATED, "owned_by": "demo"}


def complaint_about(payload: JSON) -> Reply | None:
    """What is wrong with a chat completions request, in the words of OpenAI; `None` when it is in order."""
    model = payload.get("model")
    if not isinstance(model, str) or not model:
        return error_reply(400, "you must provide a model parameter")
    if model not in SERVED_MODELS and model not in SERVED_MODELS.values():
        message = f"The model `{model}` does not exist or you do not have access to it."
        return error_reply(404, message, code="model_not_found")
    if "messages" not in payload:
        message = "Missing required parameter: 'messages'."
        return error_reply(400, message, param="messages", code="missing_required_parameter")
    if payload.get("stream_options") and not payload.get("stream"):
        message = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
        return error_reply(400, message, param="stream_options")
    return complaint_about_messages(payload["messages"]) or complaint_about_tools(payload.get("tools"))


def complaint_about_messages(messages: object) -> Reply | None:
    """What is wrong with the messages."""
    if not isinstance(messages, list):
        message = "Invalid type for 'messages': expected an array of objects."
        return error_reply(400, message, param="messages", code="invalid_type")
    if not messages:
        message = "Invalid 'messages': empty array. Expected an array with minimum length 1."
        return error_reply(400, message, param="messages", code="empty_array")
    for position, entry in enumerate(messages):
        role = entry.get("role") if isinstance(entry, dict) else None
        if role not in ROLES:
            supported = ", ".join(f"'{name}'" for name in ROLES)
            message = f"Invalid value: '{role}'. Supported values are: {supported}."
            return error_reply(400, message, param=f"messages[{position}].role", code="invalid_value")
    return None


def complaint_about_tools(tools: object) -> Reply | None:
    """What is wrong with the tools."""
    if tools is None:
        return None
    if not isinstance(tools, list) or not all(isinstance(tool, dict) for tool in tools):
        message = "Invalid type for 'tools': expected an array of objects."
        return error_reply(400, message, param="tools", code="invalid_type")
    for position, tool in enumerate(tools):
        function = tool.get("function")
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            param = f"tools[{position}].function"
            message = f"Missing required parameter: '{param}.name'."
            return error_reply(400, message, param=f"{param}.name", code="missing_required_parameter")
    return None


def error_reply(
    status: int,
    message: str,
    *,
    error_type: str = "invalid_request_error",
    param: str | None = None,
    code: str | None = None,
) -> Reply:
    """An error as OpenAI writes it."""
    error = {"message": message, "type": error_type, "param": param, "code": code}
    return json_reply({"error": error}, status=status)


def json_reply(body: JSON, *, status: int = 200) -> Reply:
    """A JSON body in one piece."""
    encoded = json_bytes(body)
    headers = (("content-type", "application/json"), *account_headers(encoded))
    return Reply(status=status, headers=headers, pieces=(encoded,))


def json_bytes(body: JSON) -> bytes:
    """JSON as the server sends it; half a surrogate pair, which a prompt may hold, becomes a question mark."""
    return json.dumps(body, ensure_ascii=False).encode(errors="replace")


def account_headers(body: bytes) -> tuple[tuple[str, str], ...]:
    """The headers about the caller that a hosted model sends along, with values of nobody."""
    digest = hashlib.sha256(body).hexdigest()
    return (
        ("x-request-id", f"req_{digest[:32]}"),
        ("openai-organization", "org-demo"),
        ("openai-processing-ms", "12"),
        ("openai-version", "2020-10-01"),
        ("set-cookie", f"__cf_bm={digest[32:]}; path=/; HttpOnly"),
    )


def completion_reply(payload: JSON, completion: Completion, *, pieces: Sequence[str] | None = None) -> Reply:
    """A completion in the form the request asked for: one body, or events with one `piece` of the content each."""
    if not payload.get("stream"):
        return json_reply(completion_body(payload, completion))
    events = [b"data: %b\n\n" % json_bytes(event) for event in events_of(payload, completion, pieces)]
    events.append(b"data: [DONE]\n\n")
    headers = (("content-type", "text/event-stream; charset=utf-8"), *account_headers(b"".join(events)))
    return Reply(headers=headers, pieces=tuple(events), chunked=True)


def completion_id(payload: JSON, completion: Completion) -> str:
    """The same id for the same answer to the same request."""
    digest = hashlib.sha256((json.dumps(payload, sort_keys=True) + repr(completion)).encode()).hexdigest()
    return f"chatcmpl-{digest[:29]}"


def header_fields(payload: JSON, completion: Completion, kind: str) -> JSON:
    """The fields that a whole response and every event of a streamed one begin with."""
    model = str(payload.get("model"))
    return {
        "id": completion_id(payload, completion),
        "object": kind,
        "created": CREATED,
        "model": SERVED_MODELS.get(model, model),
        "service_tier": "default",
        "system_fingerprint": None,
    }


def completion_body(payload: JSON, completion: Completion) -> JSON:
    """A `chat.completion` object."""
    message: JSON = {"role": "assistant", "content": completion.content, "refusal": None, "annotations": []}
    if completion.tool_calls:
        message["tool_calls"] = list(tool_call_entries(payload, completion))
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": completion.finish_reason}
    fields = header_fields(payload, completion, "chat.completion")
    return fields | {"choices": [choice], "usage": usage_of(payload, completion)}


def tool_call_entries(payload: JSON, completion: Completion) -> Iterator[JSON]:
    """The `tool_calls` of a message."""
    suffix = completion_id(payload, completion)[-20:]
    for index, call in enumerate(completion.tool_calls):
        function = {"name": call.name, "arguments": call.arguments}
        yield {"id": f"call_{suffix}{index:04}", "type": "function", "function": function}


def events_of(payload: JSON, completion: Completion, pieces: Sequence[str] | None = None) -> Iterator[JSON]:
    """The `chat.completion.chunk` objects of a streamed response."""
    include_usage = bool(object_in(payload.get("stream_options")).get("include_usage"))
    fields = header_fields(payload, completion, "chat.completion.chunk")
    # With `include_usage` every event has the field, empty until the last one, which has no choices.
    usage = {"usage": None} if include_usage else {}
    for delta, finish_reason in deltas_of(payload, completion, pieces):
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        yield fields | {"choices": [choice]} | usage
    if include_usage:
        yield fields | {"choices": [], "usage": usage_of(payload, completion)}


def deltas_of(
    payload: JSON, completion: Completion, pieces: Sequence[str] | None
) -> Iterator[tuple[JSON, FinishReason | None]]:
    """The deltas of a streamed message, each with its finish reason."""
    opening = "" if completion.content is not None else None
    yield {"role": "assistant", "content": opening, "refusal": None}, None
    for piece in pieces if pieces is not None else pieces_of(completion.content or ""):
        yield {"content": piece}, None
    for index, entry in enumerate(tool_call_entries(payload, completion)):
        arguments = entry["function"]["arguments"]
        opened = entry | {"index": index, "function": entry["function"] | {"arguments": ""}}
        yield {"tool_calls": [opened]}, None
        for start in range(0, len(arguments), 8):
            part = {"index": index, "function": {"arguments": arguments[start : start + 8]}}
            yield {"tool_calls": [part]}, None
    yield {}, completion.finish_reason


def pieces_of(text: str) -> list[str]:
    """A text in pieces of about a token: a word with the space before it, or up to two kana or kanji."""
    return re.findall(r"[\u3040-\u30ff\u3400-\u9fff]{1,2}|\s*[^\s\u3040-\u30ff\u3400-\u9fff]+|\s+", text)


class DemoServer:
    """The model server on a free port of the loopback interface.

    `base_url` is what an OpenAI client wants (with `/v1`), `origin` is the same without a path. `requests_served`
    counts everything that arrived, errors included. `pace` is the time in seconds between two pieces of a stream.
    After `stop`, connections are refused; another `start` serves on the same port again.
    """

    def __init__(self, *, pace: float = 0.0) -> None:
        self.requests_served = 0
        self._pace = pace
        self._port = 0
        self._counting = threading.Lock()
        self._listener: _Listener | None = None

    @property
    def origin(self) -> str:
        """The address without a path."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def base_url(self) -> str:
        """The address an OpenAI client wants."""
        return f"{self.origin}/v1"

    def start(self) -> Self:
        """Listen; on return, connections are accepted."""
        if self._listener is None:
            self._listener = _Listener(self._port, self)
            self._port = self._listener.server_address[1]
        return self

    def stop(self) -> None:
        """Refuse connections and drop the open ones."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def serve(self, request: ReceivedRequest) -> Reply:
        """Count a request and answer it; called on the thread of its connection."""
        with self._counting:
            self.requests_served += 1
        return self.reply_to(request)

    def reply_to(self, request: ReceivedRequest) -> Reply:
        """The reply to a request."""
        reply = reply_to(request)
        if not (self._pace and reply.chunked):
            return reply
        return Reply(headers=reply.headers, pieces=reply.pieces, chunked=True, delay=self._pace)


class _Listener(ThreadingHTTPServer):
    """The listening socket, its accept loop and the connections it accepted."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, demo: DemoServer) -> None:
        self.demo = demo
        self.closing = threading.Event()
        self.connections: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), _Connection)
        # `shutdown` waits for one round of the loop.
        self.loop = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.loop.start()

    def server_bind(self) -> None:
        # HTTPServer would ask the name service for the name of 127.0.0.1, which takes seconds on some machines.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def close(self) -> None:
        self.closing.set()
        self.shutdown()
        self.loop.join()
        self.server_close()
        for connection in tuple(self.connections):
            _hang_up(connection)


def _hang_up(connection: socket.socket) -> None:
    # The client may have been quicker.
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


class _Connection(BaseHTTPRequestHandler):
    """One connection, kept alive between its requests."""

    protocol_version = "HTTP/1.1"
    server_version = "llmwatch-demo"
    sys_version = ""
    disable_nagle_algorithm = True
    server: _Listener

    def setup(self) -> None:
        super().setup()
        self.server.connections.add(self.connection)
        if self.server.closing.is_set():
            _hang_up(self.connection)

    def handle(self) -> None:
        # A client that goes away is no error.
        with contextlib.suppress(ConnectionError):
            super().handle()

    def finish(self) -> None:
        self.server.connections.discard(self.connection)
        super().finish()

    def serve(self) -> None:
        headers = {name.lower(): ", ".join(self.headers.get_all(name, [])) for name in self.headers}
        request = ReceivedRequest(method=self.command, path=self.path, headers=headers, body=self.read_body())
        self.send(self.server.demo.serve(request))

    # The base class looks its methods up by these names.
    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = serve  # noqa: N815

    def read_body(self) -> bytes:
        if "chunked" in self.headers.get("transfer-encoding", "").lower():
            return b"".join(self.read_chunks())
        return self.rfile.read(int(self.headers.get("content-length") or 0))

    def read_chunks(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass

    def send(self, reply: Reply) -> None:
        if self.server.closing.wait(reply.wait):
            self.close_connection = True
            return
        self.send_head(reply)
        for number, piece in enumerate(reply.pieces):
            if number == reply.cut_after or (number and self.server.closing.wait(reply.delay)):
                self.close_connection = True
                return
            self.send_piece(piece, chunked=reply.chunked)
        if reply.cut_after is not None and reply.cut_after >= len(reply.pieces):
            self.close_connection = True
        elif reply.chunked:
            self.wfile.write(b"0\r\n\r\n")

    def send_head(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers:
            self.send_header(name, value)
        if reply.chunked:
            self.send_header("transfer-encoding", "chunked")
        else:
            self.send_header("content-length", str(sum(map(len, reply.pieces))))
        self.end_headers()

    def send_piece(self, piece: bytes, *, chunked: bool) -> None:
        if not chunked:
            self.wfile.write(piece)
        elif piece:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))

    def log_message(self, *_: object) -> None:
        """Quiet: the terminal belongs to pytest."""
