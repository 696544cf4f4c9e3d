"""The solver that integrates the image out."""
