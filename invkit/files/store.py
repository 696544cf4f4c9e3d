"""Trained priors on disk: one `.safetensors` file each, with a card in its header.

The card is a plain dict that says what the tensors are and where they come from. A digest of card and tensors
lies beside it, so that an altered file is refused; nothing is ever unpickled. Names are looked up in the
folders that plugins ship, then in the user's store; a name with a path separator or the suffix is a path.

    write_prior("mine.safetensors", network.state_dict(), card)
    prior = load(registry, "vae", "./mine.safetensors", called="VAE")
    network.load_state_dict(prior.tensors)
    install("mine.safetensors", "vae", "mine")            # from now on: vae:mine

Reading a card and listing names imports neither torch nor numpy.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from invkit.errors import InvkitError, WeightsError
from invkit.files.atomic import atomic_write
from invkit.files.plain import parse_json
from invkit.files.safetensors_header import Header, canonical, content_sha256, read_header, with_metadata
from invkit.plugin.registry import Registry, nearest

if TYPE_CHECKING:
    import torch

    from invkit.contracts.trainer import Trainer

FORMAT = 1
"""The version of the card that this invkit writes, and the newest that it reads."""

CARD_KEYS = ("format", "kind", "name", "architecture", "recipe", "data", "metrics", "licence", "versions")
"""What every card says: the version of the card; the prior's kind and name; `{name, options}` of its network;
the training recipe; `{fingerprint, …}` of the data; what was measured; the licence note; the versions
used."""

SUFFIX = ".safetensors"

_TEXTS = ("kind", "name", "licence")

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@attrs.frozen(eq=False)
class TrainedPrior:
    """A trained prior as read from its file.

    Args:
        card: what the tensors are; see `CARD_KEYS`.
        tensors: name → tensor, on the CPU.
        sha256: of the file, as `sha256sum` prints it.
        path: the file.
    """

    card: dict[str, Any]
    tensors: dict[str, torch.Tensor] = attrs.field(repr=False)
    sha256: str
    path: Path


def write_prior(
    path: str | os.PathLike[str], tensors: Mapping[str, torch.Tensor], card: Mapping[str, Any]
) -> None:
    """Write a trained prior atomically; equal priors make equal files, to the byte.

    Args:
        path: the file to write, ending in `.safetensors`.
        tensors: name → tensor of any shape, dtype and device, e.g. a `state_dict()`.
        card: a dict that JSON can hold, with all of `CARD_KEYS`.

    Raises:
        WeightsError: no tensors, non-finite ones, another suffix, or an incomplete card.
        OutputError: the file cannot be written.
    """
    from safetensors.torch import save

    path = Path(path)
    if path.suffix != SUFFIX:
        raise WeightsError(
            f"trained priors are {SUFFIX} files, not {path.name!r}", hint=f"name it {path.stem}{SUFFIX}"
        )
    if not tensors:
        raise WeightsError(f"no tensors to write to {path}", hint="give a network's state_dict()")
    try:
        card = dict(json.loads(canonical(dict(card))))  # as it will be read back: tuples as lists
    except (TypeError, ValueError) as error:
        raise WeightsError(
            f"the card cannot be written as JSON: {error}", hint="use str, numbers, lists, dicts"
        ) from error
    _check_card(path, card)
    _check_finite(path, tensors)
    # A copy each: safetensors refuses tensors that share memory or are not contiguous.
    plain = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    bare = save(plain)
    digest = content_sha256(read_header(path, io.BytesIO(bare), len(bare)), bare, card)
    content = with_metadata(bare, {"invkit_card": canonical(card), "content_sha256": digest})
    with atomic_write(path) as stream:
        stream.write(content)


def read_prior(path: str | os.PathLike[str]) -> TrainedPrior:
    """Read a trained prior and check all of it: header, length, card, digest, finite values.

    Args:
        path: a file that `write_prior` wrote.

    Returns:
        The card, the tensors and the file's sha256.

    Raises:
        WeightsError: missing, not a trained prior, truncated, altered, non-finite, or written by a newer
            invkit.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    path = Path(path)
    content, card = _checked(path)
    try:
        tensors = load(content)
    except (SafetensorError, ValueError, KeyError, RuntimeError) as error:
        raise WeightsError(
            f"{path} is not a valid safetensors file: {error}", hint="train it again"
        ) from error
    _check_finite(path, tensors)
    return TrainedPrior(card, tensors, hashlib.sha256(content).hexdigest(), path)


def read_card(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The card alone, of a file that was not altered.

    Args:
        path: a file that `write_prior` wrote.

    Raises:
        WeightsError: missing, not a trained prior, truncated, altered, or written by a newer invkit.
    """
    return _checked(Path(path))[1]


def user_store() -> Path:
    """The folder of the user's own trained priors: `INVKIT_HOME`, else the system's place for user data."""
    home = os.environ.get("INVKIT_HOME")
    if home:
        return Path(home).expanduser()
    import platformdirs

    return Path(platformdirs.user_data_dir("invkit"))


def find(registry: Registry, kind: str, name: str) -> Path:
    """The file of the trained prior `kind:name`: shipped, in the user's store, or at the path `name`.

    Args:
        registry: knows the folders that plugins ship.
        kind: the prior's kind, e.g. `vae`.
        name: a name, or a path, which has a separator or ends in `.safetensors`.

    Raises:
        WeightsError: there is no such file; the hint lists the names there are. Where there is a recipe of
            that name, it says how to train it.
    """
    if _is_path(name):
        path = Path(name).expanduser()
        if not path.is_file():
            raise WeightsError(f"no file of trained weights at {path}", hint=_remedy(registry, kind, name))
        return path
    found = _available(registry, kind).get(name)
    if found is not None:
        return found
    trainer, usage = _trainer(registry, kind), _usage(registry, kind, name)
    if trainer is not None and name in trainer.recipes():
        raise WeightsError(
            f"{usage} is a recipe; its weights do not travel with invkit",
            hint=f"train it: invkit train {kind} --recipe {name} --out runs/{name} --install",
        )
    raise WeightsError(f"no trained prior {usage}", hint=_remedy(registry, kind, name))


def load(registry: Registry, kind: str, name: str, *, called: str) -> TrainedPrior:
    """Find and read the trained prior `kind:name`; messages call its kind ``called``, e.g. ``"VAE"``.

    Raises:
        WeightsError: as `find` and `read_prior`; or a file of another kind.
    """
    trained = read_prior(find(registry, kind, name))
    if trained.card["kind"] != kind:
        raise WeightsError(
            f"{trained.path} holds a {trained.card['kind']!r} prior, not a {called}",
            hint=f"write {_usage(registry, str(trained.card['kind']), str(trained.path))}",
        )
    return trained


def names(registry: Registry, kind: str) -> tuple[str, ...]:
    """The names that `find` knows for a prior kind, sorted; none where the kind is unknown."""
    return tuple(sorted(_available(registry, kind)))


def check_name(name: str) -> None:
    """Refuse what cannot name a trained prior: names are parts of file names and of specs.

    Raises:
        WeightsError: anything but letters, digits, `.`, `_` and `-`, or a name with the suffix.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name) or name.endswith(SUFFIX):
        raise WeightsError(
            f"{name!r} cannot name a trained prior", hint="use letters, digits, '_', '-' and '.'"
        )


def install(path: str | os.PathLike[str], kind: str, name: str, *, overwrite: bool = False) -> Path:
    """Check a trained prior and copy it into the user's store, where `find` knows it as `kind:name`.

    A name that a plugin ships goes before the user's.

    Args:
        path: a file that `write_prior` wrote.
        kind: the prior's kind; the card must agree.
        name: letters, digits, `.`, `_` and `-`.
        overwrite: replace another prior of that name.

    Returns:
        The file in the store.

    Raises:
        WeightsError: as `read_prior`; another kind; an unfit name; or the name is taken.
        OutputError: the store cannot be written.
    """
    prior = read_prior(path)
    if prior.card["kind"] != kind:
        raise WeightsError(f"{path} is a trained prior of kind {prior.card['kind']!r}, not {kind!r}")
    check_name(name)
    target = user_store() / kind / f"{name}{SUFFIX}"
    content = _read(Path(path))[1]
    if target.exists() and not overwrite and _read(target)[1] != content:
        raise WeightsError(
            f"there is another trained prior {kind}:{name} at {target}", hint="choose another name"
        )
    with atomic_write(target) as stream:
        stream.write(content)
    return target


def _available(registry: Registry, kind: str) -> dict[str, Path]:
    """Name → file; the first folder that has a name gives it, as in `find`."""
    found: dict[str, Path] = {}
    for folder in [*_shipped_folders(registry, kind), user_store() / kind]:
        for path in sorted(folder.glob(f"*{SUFFIX}")):
            if not path.name.startswith("."):
                found.setdefault(path.name.removesuffix(SUFFIX), path)
    return found


def _shipped_folders(registry: Registry, kind: str) -> list[Path]:
    """The folders plugins registered, found without importing the (possibly heavy) package itself."""
    folders = []
    for shipped in registry.weights_folders(kind):
        try:
            package, folder = shipped.place
            spec = importlib.util.find_spec(package)
        except (ImportError, ValueError):  # a plugin that is broken has no weights; list-plugins tells why
            spec = None
        locations = spec.submodule_search_locations if spec is not None else None
        folders += [Path(location) / folder for location in locations or ()]
    return folders


def _remedy(registry: Registry, kind: str, name: str) -> str:
    listed = nearest(Path(name).name.removesuffix(SUFFIX), names(registry, kind))
    return f"{listed}; train one with `invkit train {kind} --recipe NAME --out DIR`"


def _trainer(registry: Registry, kind: str) -> Trainer | None:
    """The trainer of a kind; None if there is none, or its plugin is broken."""
    from invkit.plugin.building import build
    from invkit.plugin.specs import Spec

    try:
        trainer: Trainer = build(registry, "trainer", Spec(kind))
    except InvkitError:
        return None
    return trainer


def _usage(registry: Registry, kind: str, name: str) -> str:
    """The spec that uses weights."""
    trainer = _trainer(registry, kind)
    return f"{kind}:{name}" if trainer is None else trainer.usage(kind, name)


def _is_path(name: str) -> bool:
    return name.endswith(SUFFIX) or any(mark in name for mark in {"/", os.sep, os.altsep or os.sep})


def _read(path: Path) -> tuple[Header, bytes]:
    """The header and all of a file; the header first, so that none is read that is longer than it says."""
    try:
        with path.open("rb") as stream:
            header = read_header(path, stream, os.fstat(stream.fileno()).st_size)
            stream.seek(0)
            return header, stream.read()
    except OSError as error:
        raise WeightsError(
            f"cannot read the weights {path}: {error.strerror}", hint="check the path"
        ) from error


def _checked(path: Path) -> tuple[bytes, dict[str, Any]]:
    """All of a file and its card, the digest checked."""
    header, content = _read(path)
    card = _card(path, header)
    if header.metadata.get("content_sha256") != content_sha256(header, content, card):
        raise WeightsError(
            f"{path} was altered: its content does not have the sha256 recorded in it",
            hint="fetch or train the file again",
        )
    return content, card


def _card(path: Path, header: Header) -> dict[str, Any]:
    """The card in a header, checked."""
    text = header.metadata.get("invkit_card")
    if text is None:
        raise WeightsError(f"{path} holds tensors but no invkit card", hint="write it with `invkit train`")
    try:
        card = parse_json(text)
    except ValueError as error:
        raise WeightsError(f"the card in {path} cannot be parsed: {error}", hint="train it again") from error
    _check_card(path, card)
    return dict(card)


def _check_card(path: Path, card: Any) -> None:
    version = card.get("format") if isinstance(card, dict) else None
    if type(version) is not int or version < 1:
        raise WeightsError(f"the card in {path} has no valid format", hint=f"expected format {FORMAT}")
    if version > FORMAT:
        raise WeightsError(
            f"{path} has a card of format {version}, written by a newer invkit; this one reads {FORMAT}",
            hint="upgrade: pip install --upgrade invkit",
        )
    missing = [key for key in CARD_KEYS if key not in card]
    if missing:
        raise WeightsError(
            f"the card in {path} lacks {', '.join(missing)}", hint=f"a card has {', '.join(CARD_KEYS)}"
        )
    for key in CARD_KEYS[1:]:
        expected = str if key in _TEXTS else dict
        if not isinstance(card[key], expected):
            raise WeightsError(
                f"in the card in {path}, {key} is {card[key]!r}, expected a {expected.__name__}",
                hint="train it again",
            )


def _check_finite(path: Path, tensors: Mapping[str, torch.Tensor]) -> None:
    for name, tensor in tensors.items():
        bad = int((~tensor.isfinite()).sum()) if tensor.is_floating_point() or tensor.is_complex() else 0
        if bad:
            raise WeightsError(
                f"{bad} NaN or infinite values in tensor {name!r} of {path}", hint="train it again"
            )
