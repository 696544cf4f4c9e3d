"""Deblurring a photograph imports no more than it needs: torch's compiler alone takes over a second."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import torch

from invkit.files.images import write_image

PROGRAM = """
import sys
import torch
from invkit.cli.main import main
from invkit_photographs.parts import varied

picture, out = sys.argv[1:]
assert main(["deblur", picture, "--method", "photographs", "--quiet", "--out", out]) == 0
kernel = torch.zeros(9, 9)
kernel[4, 2:7] = 0.2
varied(torch.rand(180, 240).numpy(), 0.01, kernel, torch.tensor([[90.0, 120.0]]))
heavy = "torch._dynamo torch._inductor sympy scipy.stats scipy.optimize scipy.signal matplotlib tensorboard"
print([each for each in heavy.split() if each in sys.modules])
"""


def test_neither_a_compiler_nor_statistics_nor_plots_are_imported(tmp_path: Path) -> None:
    picture = tmp_path / "picture.png"
    write_image(picture, torch.rand(1, 64, 64, generator=torch.Generator().manual_seed(0)))
    command = [sys.executable, "-c", PROGRAM, str(picture), str(tmp_path / "out")]
    root = Path(__file__).parents[3]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
