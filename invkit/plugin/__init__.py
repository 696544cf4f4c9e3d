"""From names to classes: ``specs → registry → hookspecs → loading → building``.

Nothing in this package imports torch, numpy or cattrs before a class is really wanted, which is why
``invkit --help`` and ``invkit list-plugins`` answer at once.
"""
