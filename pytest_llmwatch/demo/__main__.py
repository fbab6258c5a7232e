"""`python -m pytest_llmwatch.demo [PORT]` serves the demo model until Ctrl-C."""

import contextlib
import sys
import threading

from .server import DemoServer

if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8000
    with DemoServer(port=port) as demo, contextlib.suppress(KeyboardInterrupt):
        print(f"The demo model is at {demo.base_url}; Ctrl-C stops it.", flush=True)
        threading.Event().wait()
