"""What is shown of a benchmark: progress while it runs, then tables, pictures and a page."""
