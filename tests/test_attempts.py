import pytest

from pytest_llmwatch.attempts import attempts_of, logical_calls, retry_number
from pytest_llmwatch.exchange import Exchange, Request, Response


def tried(number, status, started=0.0, header="x-stainless-retry-count"):
    value = f"attempt={number + 1}; max=3" if header == "amz-sdk-request" else str(number)
    request = Request(method="POST", uri="https://h/x", headers=((header, value),))
    return Exchange(request=request, response=Response(status=status), started=started, duration=1.0)


def shape(*keyed):
    return [[one.response.status for one in call.exchanges] for _key, call in logical_calls(keyed)]


@pytest.mark.parametrize("header", ["x-stainless-retry-count", "amz-sdk-request"])
def test_numbered_tries_are_one_call(header):
    tries = [tried(number, status, header=header) for number, status in enumerate((429, 500, 200))]

    assert [retry_number(one.request) for one in tries] == [0, 1, 2]
    assert shape(*(("k", one) for one in tries)) == [[429, 500, 200]]


@pytest.mark.parametrize(
    "tries, calls",
    [
        ([("k", 0, 429), ("k", 0, 200)], [[429], [200]]),
        ([("k", 0, 200), ("k", 0, 200)], [[200], [200]]),
        ([("a", 0, 429), ("b", 0, 429), ("b", 1, 200), ("a", 1, 201)], [[429, 201], [429, 200]]),
        ([("k", 0, 429), ("k", 0, 429), ("k", 1, 200), ("k", 1, 201)], [[429, 200], [429, 201]]),
        ([("k", 1, 200)], [[200]]),
        ([("k", 0, 429), ("k", 1, 429)], [[429, 429]]),
    ],
)
def test_only_what_the_wire_proves_is_joined(tries, calls):
    assert shape(*((key, tried(number, status)) for key, number, status in tries)) == calls


def test_the_time_before_the_next_try_is_a_wait():
    call = logical_calls([("k", tried(0, 429, started=0.0)), ("k", tried(1, 200, started=3.5))])[0][1]

    attempt = attempts_of(call)[0]

    assert (attempt.status, attempt.duration, attempt.wait) == (429, 1.0, 2.5)
