"""The support desk of a demo shop: answers about returns and refunds, in English and in Japanese.

An answer is computed from the prompt alone, so the same conversation gets the same words. A parsed request goes in, a
`Completion` comes out; `chat_completions` writes it for the wire.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

JSON = dict[str, Any]
FinishReason = Literal["stop", "length", "tool_calls", "content_filter"]
JAPANESE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")


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


def pieces_of(text: str) -> list[str]:
    """A text in pieces of about a token: a word with the space before it, or up to two kana or kanji."""
    return re.findall(r"[\u3040-\u30ff\u3400-\u9fff]{1,2}|\s*[^\s\u3040-\u30ff\u3400-\u9fff]+|\s+", text)
