"""The recordings were made with a model server on this machine; which port it had does not count."""

import os

import pytest


@pytest.fixture(autouse=True)
def model_server(monkeypatch):
    """Ask this machine unless MODEL_BASE_URL says otherwise. A replay needs nothing to listen there."""
    monkeypatch.setenv("MODEL_BASE_URL", os.environ.get("MODEL_BASE_URL") or "http://127.0.0.1:8000/v1")
