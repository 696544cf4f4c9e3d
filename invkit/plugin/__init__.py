"""From names to classes: ``specs → registry → hookspecs → loading → building``.

Nothing in this package imports torch or numpy before a class is really wanted, which is why
``invkit --help`` and ``invkit list-plugins`` answer at once.
"""
