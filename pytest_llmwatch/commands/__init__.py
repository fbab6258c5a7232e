"""What the command `pytest-llmwatch` does with cassettes, one module a command."""
