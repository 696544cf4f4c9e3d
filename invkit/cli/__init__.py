"""The command line: one command a file; `invkit.cli.main` holds the lazy group and the error boundary."""
