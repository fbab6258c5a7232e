"""What a run says: failure pages, the progress line, the summary."""
