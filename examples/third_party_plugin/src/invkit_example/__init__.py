"""A complete third-party plugin for invkit: one operator, one prior, one solver."""
