"""The named settings of ``altgd``: ``preset=default``, ``paper`` and ``public``; any single option may
still be overridden.

options_of("paper")["steps"]          # 1500
"""

from __future__ import annotations

from typing import Any

#: as printed in arXiv 1802.04073, Algorithm 1 and Section 4.3 (MNIST): both steps from the previous pair,
#: plain gradients, η = 0.01·exp(−t/250), 1,500 steps, λ = γ = 0.1, random starts of both latents
PAPER: dict[str, Any] = {
    "steps": 1500,
    "restarts": 10,
    "keep": (),
    "update": "gradient",
    "normalise": False,
    "order": "jacobi",
    "rate": 0.01,
    "decay": "exponential",
    "decay_steps": 250.0,
    "lam": 0.1,
    "gamma": 0.1,
    "anneal": 1.0,
    "dft": "unitary",
    "start": "random",
    "slack": 0.0,
    "own_weights": False,
    "hold": "nothing",
    "class_prior": "",
    "search": "evidence",
}

#: the rule of the authors' later public code, with the printed steps, step size and restarts: each
#: gradient divided by its own root mean square, h first and m then sees the new h, and an unnormalised
#: DFT, so that the data term weighs height·width times more and λ = γ = 0.01 acts like 0.01/(height·width)
PUBLIC: dict[str, Any] = {
    **PAPER,
    "normalise": True,
    "order": "gauss-seidel",
    "lam": 0.01,
    "gamma": 0.01,
    "dft": "unnormalised",
}

#: what works, tuned on digits 55,000–60,000 of MNIST's training file and the validation splits of the
#: kernel families
DEFAULT: dict[str, Any] = {
    **PAPER,
    "steps": 800,
    "restarts": 64,
    "keep": (12, 4, 1),
    "update": "adam",
    "rate": 0.1,
    "decay": "cosine",
    "lam": 1e-4,
    "gamma": 1e-5,
    "anneal": 100.0,
    "start": "auto",
    "own_weights": True,
    "hold": "auto",
}

PRESETS: dict[str, dict[str, Any]] = {"default": DEFAULT, "paper": PAPER, "public": PUBLIC}


def options_of(name: str) -> dict[str, Any]:
    """The options of a preset, a copy."""
    return dict(PRESETS[name])
