"""A ready judge: criteria in words, a model behind an openai or anthropic client, and an answer of a fixed form."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_llmwatch.errors import SettingError

from .awaiting import finished
from .expectation import arguments
from .judge_clients import check_installed, is_async, is_chat, is_client, made_client, on_this_loop
from .judge_requests import chat_request, chat_verdict, messages_request, messages_verdict, not_json
from .judges import Judged, check_settings, unless

if TYPE_CHECKING:
    from pytest_llmwatch.calls import JSON

Reading = Callable[[object], object]


@dataclass(frozen=True, slots=True, eq=False)
class ModelJudge:
    """A model as a judge; two of the same model, client and parameters are the same judge.

    Attributes:
        model: The model's name.
        client: The SDK's client; `None` makes one by the model's name.
        parameters: Further arguments of the request, as JSON.
    """

    model: str
    client: object
    parameters: str

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ModelJudge) and self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity)

    @property
    def _identity(self) -> tuple[str, int, str]:
        return self.model, id(self.client), self.parameters

    def __call__(self, text: str, criteria: str) -> object:
        """What the model says of the text, or a verdict that says why that is none."""
        try:
            return self._said(text, criteria)
        except json.JSONDecodeError as error:  # what a proxy answers in the model's place; the SDKs let it out
            return not_json(error)

    def _said(self, text: str, criteria: str) -> object:
        if is_async(self.client):
            return finished(self._awaited(text, criteria))
        if self.client is not None:
            return self._asked(self.client, text, criteria)
        with made_client(self.model) as client:
            return self._asked(client, text, criteria)

    def _asked(self, client: Any, text: str, criteria: str) -> object:
        create, request, verdict = self._form(client, text, criteria)
        return verdict(finished(create(**request)))

    async def _awaited(self, text: str, criteria: str) -> object:
        async with on_this_loop(self.client) as client:
            create, request, verdict = self._form(client, text, criteria)
            return verdict(await create(**request))

    def _form(self, client: Any, text: str, criteria: str) -> tuple[Callable[..., Any], dict[str, Any], Reading]:
        """How this client is asked: the method, its arguments, and the reader of what comes."""
        parameters = json.loads(self.parameters)
        if is_chat(client):
            return client.chat.completions.create, chat_request(self.model, text, criteria, parameters), chat_verdict
        return client.messages.create, messages_request(self.model, text, criteria, parameters), messages_verdict


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Rubric(Judged):
    """Criteria and the model that judges by them: an expectation, and a judge for `judged_by`.

    Attributes:
        name: What `judged_by` calls this judge in its repr.
    """

    name: str

    def __call__(self, text: str, criteria: str | None = None) -> object:
        """What the model says of the text."""
        return self.asked(text, self.criteria if criteria is None else criteria)


def rubric(
    criteria: str,
    *,
    model: str,
    client: object = None,
    at_least: float = 0.7,
    samples: int = 1,
    **parameters: JSON,
) -> Rubric:
    """A text that a model finds to meet the criteria; also a judge to be given to `judged_by`.

    The model answers a score and a reason in a fixed form: a JSON schema with openai clients, a forced tool call with
    anthropic ones. The text is marked as data, whatever it says. An answer that is cut, refused or of another form
    leaves the verdict undecided: it has not passed, and says what came.

    Args:
        criteria: What the text is judged by, in words of any language.
        model: The model's name; its calls are recorded like any others.
        client: `openai.OpenAI()`, `AsyncOpenAI()`, `anthropic.Anthropic()`, `AsyncAnthropic()` or one of that shape.
            `None` makes one for every question: anthropic's for `claude...`, else openai's, from the environment.
        at_least: The least score that passes.
        samples: How often the model is asked; the mean counts.
        parameters: Further arguments of the request (`temperature=0`, `max_tokens=2000`); none is set by itself.

    Raises:
        SettingError: an argument makes no sense, or the client's package is not installed.
    """
    check_settings("rubric", criteria, at_least, samples)
    named: object = model
    if not isinstance(named, str) or not named:
        raise SettingError(f"rubric(model={model!r}): name the model that judges, such as model='gpt-5-mini'")
    if client is not None and not is_client(client):
        raise SettingError(
            f"rubric(client={type(client).__name__}): a client has chat.completions.create, as openai's, or "
            "messages.create, as anthropic's; for any other, write a function and give it to judged_by"
        )
    if client is None:
        check_installed(model)
    try:
        given = json.dumps(parameters, sort_keys=True)
    except (TypeError, ValueError) as error:
        raise SettingError(f"rubric: further arguments are part of the request, as JSON: {error}") from None
    written = arguments(criteria, model=model, at_least=unless(at_least, 0.7), samples=unless(samples, 1), **parameters)
    return Rubric(
        asked=ModelJudge(model=model, client=client, parameters=given),
        criteria=criteria,
        at_least=at_least,
        samples=samples,
        wanted=f"rubric({written})",
        name=f"rubric(model={model})",
    )
