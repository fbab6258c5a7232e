"""Expectations of what must not stand in a text: a secret, the system prompt, the data of a person."""

from __future__ import annotations

import base64
import binascii
import codecs
import ipaddress
import re
import unicodedata
from typing import TYPE_CHECKING, Literal, get_args

from pytest_llmwatch.drift.words import segments
from pytest_llmwatch.errors import SettingError

from .expectation import Expectation, arguments, quoted, shown, text_rule
from .given import choice_given, items_given
from .places import line_of
from .verdicts import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

PersonalData = Literal["email", "phone", "credit_card", "iban", "ip_address", "my_number", "us_ssn"]

# A run of this many words in common is a quotation; people and models come to six by themselves.
_RUN = 8
_SHORTEST_PROMPT = 12
# Folded letters: below, a secret stands in half of all texts once spaces and signs are left out.
_SHORTEST_FOLDED = 6
_MOST_TEXT = 20_000_000

_HIDDEN = re.compile(r"[\W_]+")
_WIDE = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | dict.fromkeys(
    (0x2010, 0x2011, 0x2012, 0x2013, 0x2212, 0x30FC), 0x2D
)
_WIDE |= {0x3000: 0x20, 0xA0: 0x20}


def no_leak_of(*secrets: str) -> Expectation:
    """A text that gives none of these away: keys, passwords, names of a project, a system prompt.

    A secret is looked for as it is, in other letters, with spaces, signs or invisible characters in between, backwards,
    in base64, in hexadecimal and in ROT13. Of a prompt (12 words and more) no eight words may stand in the text in a
    row. A translation or a paraphrase is not recognised.

    Example:
        >>> from pytest_llmwatch import no_leak_of
        >>> "The word is s-e-s-a-m-e-4-2." == no_leak_of("Sesame42")
        False
    """
    _check_secrets(secrets)
    searches = [_prompt_search(secret) if _is_prompt(secret) else _secret_search(secret) for secret in secrets]

    def judge(value: str) -> Verdict:
        forms = _Forms(value[:_MOST_TEXT])
        faults = [fault for search in searches if (fault := search(forms)) is not None]
        if faults:
            return faults[0]
        return Verdict(passed=True, reason="gives nothing away")

    # The secret itself has no place in a report.
    written = ", ".join(f"<{len(secret)} characters>" for secret in secrets)
    return text_rule(f"no_leak_of({written})", judge)


def _check_secrets(secrets: tuple[object, ...]) -> None:
    """Refuse what would find nothing, or everything; what came is not shown, for it may be a secret."""
    if not secrets:
        raise SettingError("no_leak_of() takes one secret at least: nothing would be looked for")
    for number, secret in enumerate(secrets, 1):
        if not isinstance(secret, str):
            kind = "None (is it set?)" if secret is None else f"of type {type(secret).__name__}"
            hint = "\n  write no_leak_of(*[...])" if isinstance(secret, list | tuple | set) else ""
            raise SettingError(f"no_leak_of takes texts; secret {number} is {kind}{hint}")
        if not secret.strip():
            raise SettingError(f"no_leak_of takes texts; secret {number} is empty, and stands in every text")


class _Forms:
    """A text in the forms in which it is searched."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.folded = _folded(text)

    def words(self) -> list[str]:
        return _words(self.text)

    def quotation(self, first: int, end: int) -> str:
        """Those words as they stand in the text, with all that is between them."""
        every = segments(unicodedata.normalize("NFKC", self.text))
        places = [at for at, word in enumerate(every) if word[0].isalnum()]
        return "".join(every[places[first] : places[end - 1] + 1])


def _folded(text: str) -> str:
    return _HIDDEN.sub("", unicodedata.normalize("NFKC", text).casefold())


def _words(text: str) -> list[str]:
    words = segments(unicodedata.normalize("NFKC", text).casefold())
    return [word for word in words if word[0].isalnum()]


def _is_prompt(secret: str) -> bool:
    return len(_words(secret)) >= _SHORTEST_PROMPT


def _secret_search(secret: str) -> Callable[[_Forms], Verdict | None]:
    folded = _folded(secret)
    if len(folded) < _SHORTEST_FOLDED:
        alone = re.compile(rf"(?<!\w){re.escape(secret)}(?!\w)", re.IGNORECASE)
        return lambda forms: _leak("as a word of its own", None) if alone.search(forms.text) else None
    written = list(_encodings(secret))

    def search(forms: _Forms) -> Verdict | None:
        at = forms.text.find(secret)
        if at >= 0:
            return _leak("as it is", line_of(forms.text, at))
        disguises = {
            "in other letters, or with signs in between": folded in forms.folded,
            "backwards": folded[::-1] in forms.folded,
            # The letters of base64 are what they are; hexadecimal and ROT13 come in any case and with spaces.
            "in base64": any(text in forms.text for text, form in written if form == "in base64"),
            **{form: text in forms.folded for text, form in written if form != "in base64"},
        }
        return next((_leak(form, None) for form, is_there in disguises.items() if is_there), None)

    return search


def _encodings(secret: str) -> Iterator[tuple[str, str]]:
    data = secret.encode("utf-8", "surrogatepass")
    if len(data) < _SHORTEST_FOLDED:
        return
    for skipped in range(3):
        # The same bytes look otherwise at each of three places in a group; first and last characters depend on others.
        encoded = base64.b64encode(b"\0" * skipped + data).decode().rstrip("=")
        core = encoded[(0, 2, 3)[skipped] : len(encoded) - (1 if (skipped + len(data)) % 3 else 0)]
        yield core, "in base64"
        yield core.replace("+", "-").replace("/", "_"), "in base64"
    yield binascii.hexlify(data).decode(), "in hexadecimal"
    rotated = _folded(codecs.encode(secret, "rot13"))
    if rotated != _folded(secret):
        yield rotated, "in ROT13"


def _leak(form: str, place: str | None) -> Verdict:
    return Verdict(passed=False, reason=f"gives a secret away: it stands there {form}", place=place)


def _prompt_search(prompt: str) -> Callable[[_Forms], Verdict | None]:
    words = _words(prompt)
    runs = {tuple(words[at : at + _RUN]) for at in range(len(words) - _RUN + 1)}

    def search(forms: _Forms) -> Verdict | None:
        came = forms.words()
        hits = [at for at in range(len(came) - _RUN + 1) if tuple(came[at : at + _RUN]) in runs]
        if not hits:
            return None
        first = hits[0]
        length = _RUN
        while first + length - _RUN + 1 in set(hits[length - _RUN : length - _RUN + 2]):
            length += 1
        shared = len({tuple(came[at : at + _RUN]) for at in hits}) / len(runs)
        return Verdict(
            passed=False,
            reason=f"quotes the prompt: {length} words in a row, {shared:.0%} of it in all",
            found=quoted(forms.quotation(first, first + length), 60),
            score=float(length),
            limit=float(_RUN - 1),
        )

    return search


def no_pii(*kinds: PersonalData, allow: Iterable[str] = ()) -> Expectation:
    """A text without data that points to a person; without arguments none of the kinds may occur.

    Args:
        kinds: `email` · `phone` (international, North American, Japanese; not toll-free 0120, 0800, 0570 numbers) ·
            `credit_card` (check digit) · `iban` (check digits) · `ip_address` (public ones) · `my_number` (Japanese,
            check digit; one in eleven other numbers of twelve digits has it too) · `us_ssn`.
        allow: What may occur all the same, as `support@example.com`.

    Example:
        >>> from pytest_llmwatch import no_pii
        >>> "Call 090-1234-5678." == no_pii()
        False
        >>> "Call 090-1234-5678." == no_pii("email")
        True
    """
    known = get_args(PersonalData)
    for kind in kinds:
        choice_given("no_pii", kind, known, "kind")
    allowed = items_given("no_pii(allow=)", allow)
    wanted = [kind for kind in _SEARCHES if kind in (kinds or known)]

    def judge(value: str) -> Verdict:
        found = list(_found(value, wanted, {_digits_or_text(each) for each in allowed}))
        if not found:
            return Verdict(passed=True, reason="has none of it")
        start, end, kind = found[0]
        details = tuple(f"{line_of(value, at)}: {_NAMES[it]} {shown(value[at:stop])}" for at, stop, it in found[1:20])
        return Verdict(
            passed=False,
            reason=f"has {_NAMES[kind]}",
            place=line_of(value, start),
            found=quoted(value[start:end]),
            details=details,
        )

    return text_rule(f"no_pii({arguments(*kinds, allow=allowed or None)})", judge)


def _found(value: str, kinds: list[PersonalData], allowed: set[str]) -> Iterator[tuple[int, int, PersonalData]]:
    """Start, end and kind, in the order of the text; a place counts once, as the most certain kind."""
    # One character for one, so that places stay what they are.
    text = value.translate(_WIDE)
    taken: list[tuple[int, int, PersonalData]] = []
    covered: set[int] = set()
    for kind in kinds:
        pattern, is_one = _SEARCHES[kind]
        for match in pattern.finditer(text):
            start, end = match.span()
            if start in covered or end - 1 in covered:
                continue
            if not is_one(match[0]):
                # Groups of digits behind two letters are no card either.
                covered.update(range(start, end) if kind == "iban" else ())
                continue
            covered.update(range(start, end))
            if _digits_or_text(match[0]) not in allowed:
                taken.append((start, end, kind))
    yield from sorted(taken)


def _digits_or_text(text: str) -> str:
    bare = re.sub(r"[\s().-]", "", text.translate(_WIDE)) if not re.search(r"[^\W\d_]", text) else text
    return bare.casefold()


def _digits(text: str) -> list[int]:
    return [int(char) for char in text if char in "0123456789"]


def _is_card(text: str) -> bool:
    digits = _digits(text)
    doubled = [digit if index % 2 == 0 else sum(divmod(2 * digit, 10)) for index, digit in enumerate(reversed(digits))]
    return 13 <= len(digits) <= 19 and len(set(digits)) > 1 and sum(doubled) % 10 == 0


def _is_iban(text: str) -> bool:
    bare = re.sub(r"\s", "", text).upper()
    if not 15 <= len(bare) <= 34:
        return False
    return int("".join(str(int(char, 36)) for char in bare[4:] + bare[:4])) % 97 == 1


def _is_my_number(text: str) -> bool:
    *digits, check = _digits(text)
    weighed = sum(digit * (n + 1 if n <= 6 else n - 5) for n, digit in enumerate(reversed(digits), 1))
    rest = weighed % 11
    return len(set(digits)) > 1 and check == (0 if rest <= 1 else 11 - rest)


def _is_public_address(text: str) -> bool:
    try:
        return ipaddress.ip_address(text).is_global
    except ValueError:
        return False


def _is_phone(text: str) -> bool:
    digits = "".join(map(str, _digits(text)))
    if text.startswith("+"):
        return 8 <= len(digits) <= 15
    if digits.startswith("0"):
        return len(digits) in (10, 11) and not digits.startswith(("0120", "0800", "0570"))
    return len(digits) == 10


def _is_ssn(text: str) -> bool:
    area, group, serial = text.split("-")
    return area not in ("000", "666") and area < "900" and group != "00" and serial != "0000"


def _always(_: str) -> bool:
    return True


# The most certain first: digits that are a card number are not a telephone number as well.
_SEARCHES: dict[PersonalData, tuple[re.Pattern[str], Callable[[str], bool]]] = {
    "email": (
        re.compile(
            r"(?<![\w.+%-])[A-Za-z0-9][\w.+%-]{0,63}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})\.){1,8}[A-Za-z]{2,24}",
            re.ASCII,
        ),
        _always,
    ),
    "iban": (
        re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?![A-Za-z0-9])", re.ASCII),
        _is_iban,
    ),
    "credit_card": (re.compile(r"(?<![\d.-])[2-6]\d{3}(?:[ -]?\d){9,15}(?![\d-])", re.ASCII), _is_card),
    "my_number": (
        re.compile(r"(?<![\d.-])(?<!\d )(?:\d{12}|\d{4}([ -])\d{4}\1\d{4})(?![ -]?\d)", re.ASCII),
        _is_my_number,
    ),
    "us_ssn": (re.compile(r"(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])", re.ASCII), _is_ssn),
    "ip_address": (
        re.compile(
            r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}(?![\w.]*\d)|(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{0,4}(?![\w:]))",
            re.ASCII,
        ),
        _is_public_address,
    ),
    "phone": (
        re.compile(
            r"(?<![\w.+-])(?:\+\d{1,3}[ .-]?(?:\(0?\d{1,4}\)|\d{1,4})(?:[ .-]?\d{2,4}){1,4}"
            r"|0\d{1,4}-\d{1,4}-\d{3,4}|0\d{1,3}\(\d{1,4}\)\d{4}|\(0\d{1,4}\) ?\d{1,4}-\d{4}|0[5-9]0\d{8}"
            r"|(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[-. ])\d{3}[-. ]\d{4})(?![\d-])",
            re.ASCII,
        ),
        _is_phone,
    ),
}
_NAMES: dict[PersonalData, str] = {
    "email": "an e-mail address",
    "phone": "a telephone number",
    "credit_card": "the number of a credit card",
    "iban": "the number of a bank account (IBAN)",
    "ip_address": "an IP address",
    "my_number": "an individual number (マイナンバー)",
    "us_ssn": "a social security number",
}
