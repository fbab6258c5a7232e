"""`python -m pytest_llmwatch.demo [PORT]` serves the demo model until Ctrl-C."""

import argparse
import contextlib
import threading

from .server import DemoServer

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m pytest_llmwatch.demo", description="Serve the demo model.")
    parser.add_argument("port", nargs="?", type=int, default=8000, metavar="PORT", help="8000 where none is given")
    with DemoServer(port=parser.parse_args().port) as demo, contextlib.suppress(KeyboardInterrupt):
        print(f"The demo model is at {demo.base_url}; Ctrl-C stops it.", flush=True)
        threading.Event().wait()
