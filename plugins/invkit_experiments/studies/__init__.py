"""What is measured: one description for each name of ``invkit bench``, and the demonstration."""
