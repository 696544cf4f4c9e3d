"""Other packages' methods: measured where they are installed, left out with what to type where not."""

from __future__ import annotations

import importlib.util
import sys

import pytest
import torch

from invkit.errors import InputError
from invkit.metrics import psnr
from invkit_experiments.engine.benchmark import Settings
from invkit_experiments.engine.peers import BlindRL, Peer, RichardsonLucy, UnsupervisedWiener
from invkit_experiments.inputs.drawn import Drawn

DIGITS = Drawn("mnist-sample", "test", "blurA")
PEERS = (RichardsonLucy("rl", "RL"), UnsupervisedWiener("wiener", "Wiener"), BlindRL("blind", "blind RL"))


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_one_that_is_missing_says_what_to_type(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, peer.package[1].partition(".")[0], None)
    with pytest.raises(InputError, match=f"{peer.package[0]} cannot be imported") as caught:
        peer.identity(DIGITS, Settings(1))
    assert "pip install" in str(caught.value.hint)


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_one_that_is_there_recovers_a_picture(peer: Peer) -> None:
    if importlib.util.find_spec(peer.package[1].partition(".")[0]) is None:
        pytest.skip(f"{peer.package[0]} is not installed: {peer.install}")
    assert peer.identity(DIGITS, Settings(1))["version"]
    one = DIGITS.one(0, 0)
    found = peer.recover(one, DIGITS, Settings(1, steps=3), 0)
    assert found.x.shape == one.x.shape and found.cpu is not None and psnr(found.x, one.x) > 5
    assert torch.equal(found.x, peer.recover(one, DIGITS, Settings(1, steps=3), 0).x)
