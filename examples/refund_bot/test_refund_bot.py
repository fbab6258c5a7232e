"""How the support desk answers. The model's answers are in `cassettes/`: these tests need no key and no network."""

import pytest
from refund_bot import answer, answer_about_order, streamed_answer


def test_a_used_phone_can_be_returned(llm_snapshot):
    reply = answer("Can I return a used phone?")

    assert "14 days" in reply
    assert reply == llm_snapshot


@pytest.mark.llm
@pytest.mark.parametrize(
    "question, expected",
    [
        pytest.param("使用済みのスマホは返品できますか？", "14日以内", id="used"),
        pytest.param("届いたカメラが壊れていました。返金できますか？", "全額返金", id="damaged"),
    ],
)
def test_a_japanese_question_gets_a_japanese_answer(question, expected):
    assert expected in answer(question)


def test_an_answer_can_be_shown_while_it_arrives(llm_cassette):
    pieces = list(streamed_answer("How long does a refund for my laptop take?"))

    assert "5 working days" in "".join(pieces)
    assert len(pieces) > 5
    assert llm_cassette.last.finish_reasons == ("stop",)


def test_the_model_looks_an_order_up(llm_cassette):
    reply = answer_about_order("Where is my order A-1001?")

    assert "shipped on Monday" in reply
    assert [call.name for call in llm_cassette.tool_calls] == ["get_order_status"]
    assert len(llm_cassette.calls) == 2
    assert llm_cassette.spend.usage.output_tokens < 200
