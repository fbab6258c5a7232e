"""A small model server on loopback, so that everything can be tried without a key, an account or a network."""
