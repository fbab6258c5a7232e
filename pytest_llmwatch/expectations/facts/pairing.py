"""What is gone with what came in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .mentions import Mention

MOST = 20


def paired(gone: list[Mention], come: list[Mention]) -> Iterator[tuple[Mention | None, Mention | None]]:
    """Each that is gone with the one that came in its place: of its kind and dimension where there is one."""
    left, right = gone[:MOST], come[:MOST]
    sames: tuple[Callable[[Mention], object], ...] = (lambda m: (m.kind, m.dimension), lambda m: m.kind, lambda _: None)
    for same in sames:
        for mention in left.copy():
            other = next((each for each in right if same(each) == same(mention)), None)
            if other is not None:
                left.remove(mention)
                right.remove(other)
                yield mention, other
    yield from ((mention, None) for mention in left)
    yield from ((None, mention) for mention in right)
