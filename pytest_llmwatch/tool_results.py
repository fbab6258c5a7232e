"""What became of the tools a model asked for: each call with its result, and the failures that nobody raised.

A tool that fails seldom fails a run: its error goes back to the model as text inside a 200, and the model talks on.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from .calls import JSON, ModelCall, ToolCallPart, ToolResultPart
from .drift.visible import visible, visible_json
from .drift.words import shortened

_WIDTH = 60
_MOST_ITEMS = 1000
# Texts longer than this are content; an error or "nothing found" is said in a sentence.
_SENTENCE = 300
_WRAPPERS = frozenset({"result", "results", "output", "outputs", "content", "response", "return", "data", "text"})
_LISTS = ("results", "items", "hits", "matches", "documents", "records", "rows", "data", "結果")
_ERROR_KEYS = (
    *("error", "errors", "exception", "err", "error_message", "errorMessage", "error_code", "errorCode"),
    *("エラー", "例外"),
)
_ERROR_FLAGS = ("is_error", "isError", "has_error", "hasError", "failed")
_SUCCESS_FLAGS = ("success", "succeeded", "ok", "成功")
_STATUS_KEYS = ("status", "state", "status_code", "statusCode", "http_status", "httpStatus", "outcome", "状態")
_BAD_STATES = frozenset(
    {"error", "failed", "failure", "fail", "timeout", "timed_out", "outcome_failed", "エラー", "失敗"}
)
_NO_ERROR = frozenset({"", "none", "null", "no", "false", "ok", "0", "なし", "無し"})
_NOTHING = frozenset({"", "none", "null", "undefined", "nan", "n/a", "[]", "{}", '""', "''", "()"})
_ERROR = re.compile(
    r"""
    (?: [\[<(*\s]* (?:error|fatal|exception|failure) (?: [\])*>]* \s* [:：] | [\]>] )
    | <[a-z_]*error> | Traceback\ \(most\ recent
    | (?:[a-z_.]*\.)? [A-Z]\w*(?:Error|Exception|Timeout) \b (?: \s*[:：(] | $)
    | error \s (?:code|executing|calling|invoking|running|while|when|in|during|occurred|fetching|from|reading) \b
    | (?:an?|the|some) \s (?:\w+\s){0,3} (?:error|exception) \s (?:has\s)? (?:occurred|happened)
    | (?:failed|failure|unable) \s to \b | could (?:\snot|n['’]t) \b | (?:cannot|can\snot|can['’]t) \s (?!be\b)
    | (?:the\s)? (?:tool|function|request|call|command|query|connection|operation) \s (?:\S+\s){0,2}
      (?:failed|timed\sout|refused|was\srefused|was\sdenied|not\sfound|does\snot\sexist|errored) \b
    | (?:unknown|no\ssuch|invalid|unrecognized) \s (?:tool|function|argument|parameter)s? \b
    | (?:permission|access) \s denied | (?:rate\slimit|quota) \s (?:\w+\s)? exceeded
    | timed\sout \b | timeout (?: \s* [:：] | \s (?:after|while|error|of)\b | $)
    | (?:HTTP (?:/[\d.]+)? (?:\s(?:status|error|code))? | status (?:\scode)? ) \s* [:：]? \s* [45]\d\d \b
    | [45]\d\d \s (?:not\sfound|bad\srequest|unauthorized|forbidden|internal|bad\sgateway|service|gateway|too\smany)
    | (?:エラー|例外|タイムアウト|失敗) (?: \s*[:：] | が | しました | です | 。? $)
    | [^。\n]{0,60}? (?:に失敗しました|に失敗した(?![おご]?[一-龥ァ-ヴ])
      | エラーが発生しました|例外が発生しました|タイムアウトしました
      | (?:取得|実行|接続|処理|検索|更新|削除|登録|送信|保存|アクセス)(?:が|は)?できませんでした)
    )
    """,
    re.VERBOSE | re.IGNORECASE,
)
# `Error: none` says that there is no error, if what follows does not.
_WITHOUT_ERROR = re.compile(
    r"[\[<(*\s]*(?:error|fatal|exception|failure|エラー|例外|失敗)[\])*>]*\s*[:：]\s*"
    r"(?:none|null|nil|no|false|nothing|ok|0|n/a|なし|無し|ありません)[\s.。]*(?:\n|$)",
    re.IGNORECASE,
)
_EMPTY = re.compile(
    r"""
    (?: (?:sorry,?\s)? (?:there\s(?:are|were|is|was)\s)? (?:no|0|zero) \s (?:\w+\s){0,3}?
      (?:results?|matches|match|data|records?|items?|documents?|hits?|rows?|entries|output|content)
      (?: \s (?:were|was|are|is|have\sbeen) )? (?: \s (?:found|available|returned) )?
      (?: \s (?:for|in|matching) \b .* )?
    | (?:nothing|none|not) \s (?:was\s)? found | empty (?:\s (?:result|response|list|output))?
    | (?:検索)? 結果 (?:は|が)? (?:なし|ありません (?:でした)? | 0件 | 空) | (?:該当|一致) (?:なし|するもの) .{0,20}
    | [^。\n]{0,40}? (?:見つかりません(?:でした)? | 該当なし
      | (?:データ|結果|該当).{0,10}ありません(?:でした)?) (?:です)?
    | 0件 (?:です|でした)? | なし | 空
    ) [\s.!。！)]* $
    """,
    re.VERBOSE | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ToolResult:
    """A tool the model asked for, with what came of it.

    Attributes:
        call: What the model asked for.
        result: What a following request gave back; `None` where none did.
        is_failure: The result is an error or empty, or there is none.
        reason: Why it is a failure.

    Example:
        >>> from pytest_llmwatch import ToolCallPart, ToolResult, ToolResultPart
        >>> ToolResult(
        ...     call=ToolCallPart(name="search", arguments={"q": "返品"}),
        ...     result=ToolResultPart(result=""),
        ...     is_failure=True,
        ...     reason="the result is empty",
        ... )
        ToolResult(search {"q": "返品"}: the result is empty)
    """

    call: ToolCallPart
    result: ToolResultPart | None = None
    is_failure: bool = False
    reason: str | None = None

    def __repr__(self) -> str:
        return f"ToolResult({line_of_call(self.call)}: {self.reason or 'answered'})"


def line_of_call(call: ToolCallPart) -> str:
    """A tool call on one short line."""
    return f"{visible(call.name)}{'' if call.arguments is None else f' {_line(call.arguments)}'}"


def tool_results(calls: Sequence[ModelCall]) -> tuple[ToolResult, ...]:
    """Each tool call of these model calls, in order, with its result from a request that followed."""
    asked = [_Asked(call=part, index=index) for index, call in enumerate(calls) for part in call.tool_calls]
    for index, call in enumerate(calls):
        _answer_in_place(call, [one for one in asked if one.index == index])
        _answer_from(call, [one for one in asked if one.index < index], calls)
    return tuple(
        _result_of(one.call, one.result, _why_unanswered(one, calls))
        for one in asked
        if one.result is not None or not _is_run_by_the_provider(one.call, calls[one.index])
    )


def tool_failures(calls: Sequence[ModelCall]) -> tuple[ToolResult, ...]:
    """Those of the results that are failures."""
    return tuple(result for result in tool_results(calls) if result.is_failure)


@dataclass(slots=True, eq=False)
class _Asked:
    """A tool call of the model call at `index`, and its result once it is found."""

    call: ToolCallPart
    index: int
    result: ToolResultPart | None = None


def _answer_in_place(call: ModelCall, asked: list[_Asked]) -> None:
    """Pair the tools that the provider ran itself: their results stand in the same answer."""
    parts = call.output_messages[0].parts if call.output_messages else ()
    for part in parts:
        if isinstance(part, ToolResultPart):
            open_ones = [one for one in asked if one.result is None]
            found = next((one for one in open_ones if one.call.id == part.id), None)
            if found is not None:
                found.result = part


def _answer_from(call: ModelCall, asked: list[_Asked], calls: Sequence[ModelCall]) -> None:
    """Pair earlier calls with the results in this request."""
    if not asked:
        return
    pairs, loose = _pairs_in(call)
    taken: set[int] = set()
    # From the end: the latest result answers the latest call, older ones are told again with the history.
    for place, told, result in reversed(pairs):
        same = [
            one
            for one in asked
            if id(one) not in taken and (one.call.id, one.call.name) == (told.id, told.name) and _is_alike(one, told)
        ]
        if not same:
            continue
        best = max(same, key=lambda one: (_is_before(calls[one.index], call, place), one.result is None, one.index))
        taken.add(id(best))
        if best.result is None:
            best.result = result
    # The conversation is kept by the provider: the request has the results alone.
    for result in loose:
        open_ones = [one for one in asked if one.result is None]
        found = _called_with(result, [one.call for one in open_ones])
        if found is not None:
            open_ones[found].result = result


def _is_alike(one: _Asked, told: ToolCallPart) -> bool:
    """An id says enough: clients write arguments anew, with defaults of their own."""
    return told.id is not None or one.call.arguments == told.arguments


def _is_before(earlier: ModelCall, later: ModelCall, place: int) -> bool:
    """Whether a request goes on with the conversation of an earlier one, up to the message at `place`."""
    size = len(earlier.input_messages)
    return size <= place and later.input_messages[:size] == earlier.input_messages


def _pairs_in(call: ModelCall) -> tuple[list[tuple[int, ToolCallPart, ToolResultPart]], list[ToolResultPart]]:
    """The tool calls of a request's history with their results, and the results whose calls it does not tell."""
    waiting: list[tuple[int, ToolCallPart]] = []
    pairs, loose = [], []
    for place, message in enumerate(call.input_messages):
        for part in message.parts:
            if isinstance(part, ToolCallPart):
                waiting.append((place, part))
            elif isinstance(part, ToolResultPart):
                found = _called_with(part, [one for _, one in waiting])
                if found is not None:
                    pairs.append((*waiting.pop(found), part))
                else:
                    loose.append(part)
    order = {id(part): index for index, part in enumerate(p for m in call.input_messages for p in m.parts)}
    return sorted(pairs, key=lambda pair: order[id(pair[1])]), loose


def _called_with(result: ToolResultPart, calls: Sequence[ToolCallPart]) -> int | None:
    """Which of the calls a result answers: by id, by name where ids are missing, by order where names are too."""
    by_id = [at for at, call in enumerate(calls) if call.id is not None and call.id == result.id]
    by_name = [at for at, call in enumerate(calls) if call.id is None and call.name == result.id]
    by_order = list(range(len(calls))) if result.id is None else []
    return next(iter([*by_id, *by_name, *by_order]), None)


def _is_run_by_the_provider(part: ToolCallPart, call: ModelCall) -> bool:
    """Web search and its kin: they did not end the answer, and no function of that name was offered."""
    ended = call.finish_reasons[:1]
    return ended == ("stop",) and all(part.name != tool.name for tool in call.tool_definitions)


def _why_unanswered(one: _Asked, calls: Sequence[ModelCall]) -> str | None:
    """Why a call without a result is a failure; `None` where it was the answer itself."""
    if one.result is not None:
        return None
    call = calls[one.index]
    follows = any(_is_before(call, later, len(call.input_messages)) for later in calls[one.index + 1 :])
    if follows:
        return "no result: the request that went on with the conversation has none for it"
    return None if _is_forced(call) else "no result: no request followed that has one"


def _is_forced(call: ModelCall) -> bool:
    """Whether the request left no choice but a tool: then its arguments are the answer, and nobody runs it."""
    choice = call.parameters.get("tool_choice")
    held = call.parameters.get("toolConfig", call.parameters.get("tool_config"))
    if isinstance(choice, Mapping):
        choice = choice.get("type")
    return choice in ("required", "any", "tool", "function") or (isinstance(held, dict) and '"ANY"' in json.dumps(held))


def _result_of(call: ToolCallPart, result: ToolResultPart | None, unanswered: str | None) -> ToolResult:
    if result is None:
        return ToolResult(call=call, is_failure=unanswered is not None, reason=unanswered)
    reason = failure_in(result.result, is_error=bool(result.is_error))
    return ToolResult(call=call, result=result, is_failure=reason is not None, reason=reason)


def failure_in(result: JSON, *, is_error: bool = False) -> str | None:
    """Why a tool's result is a failure; `None` where it looks like a result.

    Args:
        result: What the tool gave back: a text (JSON or not), content blocks, an object.
        is_error: The result is marked as an error.
    """
    if is_error:
        return f"an error: {_shown(unwrapped(result))}"
    try:
        return _failure_in(result)
    except RecursionError:
        return None  # so deep a value is neither empty nor an error message


def _failure_in(result: JSON) -> str | None:
    value = unwrapped(result)
    if isinstance(value, str):
        return _failure_in_text(value)
    if value is None or value in ([], {}):
        return "the result is empty"
    if isinstance(value, dict):
        return _failure_in_object(value)
    if isinstance(value, list):
        items = list(islice(value, _MOST_ITEMS))
        reasons = [_failure_in(item) if isinstance(item, dict | list) else None for item in items]
        blank = all(item is None or item == "" for item in items)
        return "the result is empty" if blank else reasons[0] if all(reasons) else None
    return None


def _failure_in_text(text: str) -> str | None:
    plain = text.strip()
    if plain.lower() in _NOTHING:
        return "the result is empty" if not plain else f"the result is empty: {shortened(plain, 20)}"
    first = plain[:_SENTENCE]
    if (plain.startswith("Traceback (most recent") or len(plain) <= _SENTENCE) and _is_error(first):
        return f"an error: {_shown(plain)}"
    if len(plain) <= _SENTENCE and _EMPTY.match(first):
        return f"the result is empty: {_shown(plain)}"
    return None


def _is_error(text: str) -> bool:
    without = _WITHOUT_ERROR.match(text)
    return _ERROR.match(text, without.end() if without else 0) is not None


def _failure_in_object(value: dict[str, JSON]) -> str | None:
    for said in _errors_in(value):
        return f"an error: {said}"
    lists = [(name, value[name]) for name in _LISTS if isinstance(value.get(name), list)]
    if lists and not any(held for _, held in lists):
        return f"the result is empty: {visible_json({lists[0][0]: []})}"
    if all(held is None or held in ("", [], {}) for held in value.values()):
        return f"the result is empty: {_shown(value)}"
    return None


def _errors_in(value: dict[str, JSON]) -> Iterator[str]:
    """What in an object says that it is an error."""
    for name in _ERROR_KEYS:
        held = value.get(name)
        if held and held is not True and str(held).strip().lower() not in _NO_ERROR:
            yield f"{name}: {_shown(held)}"
        elif held is True:
            yield _shown(value)
    flags = [value.get(name) is True for name in _ERROR_FLAGS] + [value.get(name) is False for name in _SUCCESS_FLAGS]
    if any(flags) or any(_is_bad_state(value.get(name)) for name in _STATUS_KEYS):
        yield _shown(value)
    kind = value.get("type")
    if isinstance(kind, str) and kind.lower().endswith("error"):
        yield _shown(value)


def _is_bad_state(held: JSON) -> bool:
    if isinstance(held, int) and not isinstance(held, bool):
        return 400 <= held <= 599
    return isinstance(held, str) and held.strip().lower() in _BAD_STATES


def unwrapped(value: JSON) -> JSON:
    """The value itself: parsed where it is JSON, out of content blocks and of an object with one field."""
    for _ in range(8):
        if isinstance(value, str):
            inner = _parsed(value)
        elif isinstance(value, list) and value and all(map(_is_text_block, value)):
            inner = "".join(str(item["text"]) for item in value if isinstance(item, dict))
        elif isinstance(value, dict) and _is_text_block(value):
            inner = value["text"]
        elif isinstance(value, dict) and len(value) == 1 and next(iter(value)) in _WRAPPERS:
            inner = next(iter(value.values()))
        elif isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict) and [*value[0]] == ["json"]:
            inner = value[0]["json"]  # how Amazon Bedrock wraps an object
        else:
            return value
        if inner is value:
            return value
        value = inner
    return value


def _is_text_block(item: JSON) -> bool:
    if not isinstance(item, dict) or not isinstance(item.get("text"), str):
        return False
    return item.get("type") in ("text", "input_text", "output_text") or [*item] == ["text"]


def _parsed(text: str) -> JSON:
    """The object or list that a text is; the text itself otherwise."""
    plain = text.strip()
    if not plain.startswith(("{", "[")):
        return text
    try:
        found: JSON = json.loads(plain)
    except (ValueError, RecursionError):
        return text
    return found


def _shown(value: JSON) -> str:
    return shortened(value.strip(), _WIDTH) if isinstance(value, str) else _line(value)


def _line(value: JSON) -> str:
    try:
        return shortened(visible_json(value), _WIDTH, show=str)
    except ValueError:  # Python refuses to write an integer of more than 4300 digits
        return "(too long a number to show)"


def failures_page(test: str, failures: Iterable[ToolResult]) -> str:
    """The page of a test that ends with tools that failed silently."""
    lines = [f"Tools failed, and nobody said so ({test}).", ""]
    for failure in failures:
        lines += [f"  {line_of_call(failure.call)}", f"    {failure.reason}"]
    return "\n".join([*lines, "", "If that is as it should be: llm_tool_failures = ignore"])
