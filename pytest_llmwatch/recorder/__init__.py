"""Between client libraries and a recording, through vcrpy's patches.

vcrpy knows how to stand in for every HTTP client; it asks a `Cassette` what to answer. Ours is a `Switchboard` that
asks the recording in force. Three things vcrpy does not do are done beneath and around its stubs:

1. A request that is not ours (an application's own server on loopback) reaches the real client untouched, unbuffered.
2. The time to the first chunk is taken below vcrpy's buffering; a transfer that breaks is kept as far as it came.
3. A recorded failure is raised again as the client library's own exception.

Transports that never leave the process (ASGI, WSGI, mocks) are not touched.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import vcr.patch
from vcr.cassette import CassetteContextDecorator
from vcr.patch import PATCHER_NAMES

from . import aiohttp_sessions, http_connections, httpx_transports
from .switchboard import Switchboard

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Switchboard", "install"]

OURS = frozenset({"httpx", "httpx2", "aiohttp"})
MODULES = {"httplib": "http.client", "boto3": "botocore.awsrequest"}


def install() -> tuple[Switchboard, Callable[[], None]]:
    """Stand in for every client that is installed; the second value puts the real ones back.

    vcrpy imports each installed client when it is imported, so that what is loaded now is all there is.
    """
    absent = [name for name in PATCHER_NAMES if MODULES.get(name, name) not in sys.modules]

    class _Installed(Switchboard):
        def __init__(self, path: str, **options: object) -> None:
            super().__init__(path, **options)
            self.custom_patches = (
                # While it makes a real connection vcrpy puts every real client back, for all threads: requests would
                # escape. `_with_own_name` is what makes that needless.
                (vcr.patch, "reset_patchers", lambda: iter(())),
                *http_connections.patches(),
                *httpx_transports.patches(self),
                *aiohttp_sessions.patches(self),
            )

    context = CassetteContextDecorator(
        _Installed, lambda: {"path": "llmwatch", "skip_patchers": tuple(OURS.union(absent))}
    )
    board: Switchboard = context.__enter__()
    return board, lambda: context.__exit__(None, None, None)
