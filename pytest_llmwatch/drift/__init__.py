"""What changed between two values, said so that a person sees it at once."""
