"""The formats that the fuzzer damages: small sound files of each, and how invkit reads them.

    form = FORMATS["png"]
    seeds = form.seeds()                   # some whole files
    content = form.mutated(rng, seeds)     # one of them, damaged
    form.read(folder / "a.png")            # reads, or raises an InvkitError

A reader goes as far as a command would: what it reads is used once, by a draw from a prior for example.
"""

from __future__ import annotations

import gzip
import io
import json
import random
import tarfile
import zipfile
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout, suppress
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from benchmarks._mutations import damaged, replaced, with_checksums, with_tar_checksums
from invkit.errors import InputError, InvkitError

__all__ = ["FORMATS", "Format"]

Seeds = Sequence[Any]


@attrs.frozen
class Format:
    """A format of files.

    Args:
        suffix: what the files' names end in.
        seeds: makes sound files, or values that files are made of.
        mutated: makes a damaged file of them.
        read: reads a file; raises InvkitError where it is not sound.
        sound: whether what a seed is can be read; for a test.
    """

    suffix: str
    seeds: Callable[[], Seeds]
    read: Callable[[Path], object]
    mutated: Callable[[random.Random, Seeds], bytes] = damaged
    whole: Callable[[Any], bytes] = bytes


# Pictures ----------------------------------------------------------------------------------------------


def _levels(*shape: int, bits: int = 8) -> np.ndarray:
    made: np.ndarray = np.random.default_rng(0).integers(0, 2**bits, shape)
    return made.astype(np.uint8 if bits == 8 else np.uint16)


def _saved(picture: Any, form: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, format=form, **options)
    return file.getvalue()


def _pillow(form: str, *variants: dict[str, Any], modes: Sequence[str] = ("L", "RGB")) -> list[bytes]:
    from PIL import Image

    colour = Image.fromarray(_levels(12, 10, 3))
    return [_saved(colour.convert(mode), form, **each) for mode in modes for each in variants or ({},)]


def _png() -> list[bytes]:
    from PIL import Image, PngImagePlugin

    from invkit.files.png import write_png

    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "a" * 300, zip=True)
    text.add_itxt("Title", "b" * 300, zip=True)
    profile = b"\0" * 12 + b"mntrGRAYXYZ " + b"\0" * 200
    rich = {"pnginfo": text, "icc_profile": profile}
    found = _pillow("PNG", rich, {}, modes=("1", "L", "P", "RGB", "RGBA"))
    for samples in (1, 3):
        file = io.BytesIO()
        write_png(file, _levels(samples, 12, 10, bits=16), profile, b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0")
        found.append(file.getvalue())
    return [*found, _saved(Image.fromarray(_levels(12, 10)), "PNG", transparency=3)]


def _mutated_png(rng: random.Random, seeds: Seeds) -> bytes:
    content = damaged(rng, seeds)
    return with_checksums(content) if rng.random() < 0.7 else content


def _tiff() -> list[bytes]:
    import tifffile

    found = []
    for kind in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
        modes = ("L", "RGB") if kind == "jpeg" else ("L", "RGB", "P", "CMYK")
        found += _pillow("TIFF", {"compression": kind}, modes=modes)
    more: tuple[dict[str, Any], ...] = (
        {"data": _levels(12, 10, bits=16)},
        {"data": _levels(12, 10, 3, bits=16), "photometric": "rgb", "compression": "zlib", "predictor": True},
        {"data": _levels(3, 12, 10), "photometric": "rgb", "planarconfig": "separate"},
        {"data": _levels(32, 32), "tile": (16, 16), "compression": "zlib", "bigtiff": True},
        {"data": _levels(12, 10).astype(np.float32) / 255, "byteorder": ">"},
        {"data": _levels(12, 10), "rowsperstrip": 4, "compression": "zlib"},
    )
    for each in more:
        file, options = io.BytesIO(), {"predictor": None, **each}
        opened = {key: options.pop(key) for key in ("bigtiff", "byteorder") if key in options}
        with tifffile.TiffWriter(file, **opened) as writer:
            writer.write(options.pop("data"), **{key: v for key, v in options.items() if v is not None})
        found.append(file.getvalue())
    return found


def _read_picture(path: Path) -> object:
    from invkit.files.pictures import picture_size, read_picture

    picture_size(path)
    return read_picture(path)


def _read_stack(path: Path) -> object:
    from invkit.files.scans import read_stack

    return read_stack(path)


def _stacks() -> list[bytes]:
    import tifffile

    found = []
    for options in ({}, {"imagej": True}, {"ome": True}, {"compression": "zlib"}):
        file = io.BytesIO()
        tifffile.imwrite(file, _levels(3, 8, 6, bits=16), **options, photometric="minisblack")
        found.append(file.getvalue())
    return found


def _heic() -> list[bytes]:
    from pillow_heif import register_heif_opener

    register_heif_opener()
    return _pillow("HEIF", {}, {"quality": 20})


def _fits() -> list[bytes]:
    from astropy.io import fits

    found = []
    for data in (_levels(12, 10), _levels(12, 10, bits=16), _levels(12, 10).astype(np.float32) / 255):
        for hdus in ([fits.PrimaryHDU(data)], [fits.PrimaryHDU(), fits.CompImageHDU(data)]):
            file = io.BytesIO()
            fits.HDUList(hdus).writeto(file)
            found.append(file.getvalue())
    return found


# Arrays ------------------------------------------------------------------------------------------------


def _npy() -> list[bytes]:
    found = []
    for array in (_levels(12, 10), _levels(3, 12, 10, bits=16), np.asfortranarray(_levels(12, 10) / 255.0)):
        file = io.BytesIO()
        np.save(file, array)
        found.append(file.getvalue())
    return found


def _npz() -> list[bytes]:
    found = []
    for save in (np.savez, np.savez_compressed):
        file = io.BytesIO()
        save(file, basis=_levels(4, 3).astype(np.float32), mean=np.zeros(3))
        found.append(file.getvalue())
    return found


def _read_arrays(path: Path) -> object:
    from invkit.files.arrays import read_arrays

    return read_arrays(path)


def _mat() -> list[bytes]:
    import scipy.io

    found = []
    for compressed in (False, True):
        file = io.BytesIO()
        content = {"X": _levels(4, 4, 3, 5), "y": np.arange(5.0)[:, None], "z": np.ones((2, 2)) * 1j}
        scipy.io.savemat(file, content | {"s": {"a": "text"}}, do_compression=compressed)
        found.append(file.getvalue())
    return found


def _read_mat(path: Path) -> object:
    from invkit.files.mat import describe_mat, read_mat

    named = describe_mat(path)
    read: list[object] = []
    for name in named:
        try:
            read.append(read_mat(path, [name]))
        except InputError as error:
            read.append(error)
    return read


def _idx() -> list[bytes]:
    labels = b"\0\0\x08\x01" + (10_000).to_bytes(4, "big") + bytes(k % 10 for k in range(10_000))
    return [labels, gzip.compress(labels, 6)]


def _read_idx(path: Path) -> object:
    from invkit_datasets.mnist import Mnist

    names = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte")
    for name in names:
        (path.parent / name).touch()
    packed = path.read_bytes()[:2] == b"\x1f\x8b"
    target = path.parent / ("t10k-labels-idx1-ubyte.gz" if packed else "t10k-labels-idx1-ubyte")
    target.write_bytes(path.read_bytes())
    try:
        return Mnist(path.parent).labels("test")
    finally:
        target.unlink()


def _zip() -> list[bytes]:
    picture, found = _pillow("PNG")[0], []
    for kind in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", kind) as archive:
            archive.writestr("a.png", picture)
            archive.writestr("b/c.png", picture)
            archive.writestr("notes.txt", "text" * 50)
        found.append(file.getvalue())
    return found


def _read_zip(path: Path) -> object:
    from invkit_datasets.sources import contents, sources_in

    with suppress(InputError):  # what the data sets make of it is asked, too
        _read_archive(path)
    return list(contents(sources_in(path, (".png", ".txt"))))


def _tar() -> list[bytes]:
    picture, found = _pillow("PNG")[0], []
    for kind in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode="w", format=kind) as archive:
            long = "c" * 80 + "/" + "d" * (90 if kind == tarfile.USTAR_FORMAT else 120) + ".png"
            for name, content in (("a.png", picture), (long, picture), ("notes.txt", b"text" * 50)):
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
        found.append(file.getvalue())
    return found


def _mutated_tar(rng: random.Random, seeds: Seeds) -> bytes:
    content = damaged(rng, seeds)
    return with_tar_checksums(content) if rng.random() < 0.7 else content


def _read_archive(path: Path) -> object:
    from invkit.files.archives import list_archive, read_member

    archive = list_archive(path)
    for number in range(len(archive)):
        with suppress(InvkitError):  # of others more may be had
            read_member(path, archive[number], 64_000_000)
    if archive.problem is not None:
        raise InputError(archive.problem)
    return archive


_CUT = b"\n#cut\n"


def _cfl() -> list[bytes]:
    values = _levels(4, 3, 2).astype("<c8").tobytes()
    return [b"# Dimensions\n2 3 4 1 1 \n" + _CUT + values, b"# Dimensions\n24 1\n" + _CUT + values]


def _read_cfl(path: Path) -> object:
    from invkit.files.scans import read_cfl

    header, _, values = path.read_bytes().partition(_CUT)
    path.with_suffix(".hdr").write_bytes(header)
    path.write_bytes(values)
    return read_cfl(path)


# Weights and cards -------------------------------------------------------------------------------------


@attrs.frozen
class Weights:
    """A trained prior's parts, from which a file is made whose digest is right."""

    card: dict[str, Any]
    tensors: dict[str, Any]

    def file(self) -> bytes:
        """The file; tensors are (dtype, shape, bytes)."""
        from invkit.files.safetensors_header import Header, canonical, content_sha256, with_metadata

        header, body = {}, b""
        for name, (dtype, shape, data) in self.tensors.items():
            places = [len(body), len(body) + len(data)]
            header[name] = {"dtype": dtype, "shape": shape, "data_offsets": places}
            body += data
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)
        content = len(text).to_bytes(8, "little") + text + body
        entries = {
            name: (each["dtype"], tuple(each["shape"]), *each["data_offsets"])
            for name, each in header.items()
        }
        digest = content_sha256(Header({}, entries, 8 + len(text)), content, self.card)
        return with_metadata(content, {"invkit_card": canonical(self.card), "content_sha256": digest})


def _weights() -> list[Weights]:
    """A Gaussian, decoders with a flow and without, a denoiser and a deblurring network, all small."""
    import torch

    from invkit.training.networks import build, seeded
    from invkit_cnn.architectures import ARCHITECTURES as CNN
    from invkit_denoiser.network import ARCHITECTURES as DENOISER
    from invkit_generative.architectures import ARCHITECTURES as DECODERS

    small = {"size": 12, "latent": 3}
    made: list[tuple[str, Any, str, dict[str, Any], dict[str, Any]]] = [
        ("vae", DECODERS, "paper-blur", small, {"output": "unit-sum"}),
        ("vae", DECODERS, "flow", {"vae_options": small, "couplings": 1}, {"output": "image"}),
        ("vae", DECODERS, "residual", {"size": 8, "latent": 4, "width": 4}, {"output": "image"}),
        ("denoiser", DENOISER, "plain", {"width": 4, "blocks": 1}, {}),
        ("cnn", CNN, "residual", {"patch": 2, "width": 4, "blocks": 1, "channels": 1}, {}),
    ]
    found = []
    for kind, architectures, name, options, more in made:
        with seeded(0):
            state = build(architectures, name, options).state_dict()
        found.append(_stored(kind, {"name": name, "options": options, **more}, state))
    rng = torch.Generator().manual_seed(0)
    parts = {
        "mean": torch.rand(1, 8, 8, generator=rng),
        "directions": torch.randint(-127, 127, (3, 1, 8, 8), generator=rng).to(torch.int8),
        "scales": torch.rand(3, generator=rng) / 127,
        "log_spectrum": torch.randn(1, 8, 5, generator=rng) - 5,
        "rotation": torch.eye(1),
        "contrasts": torch.zeros(0),
    }
    options = {"colour": "joint", "rank": 3, "level": 0.1, "spread": 0.1}
    return [*found, _stored("gaussian", {"name": "gaussian", "options": options}, parts)]


_NAMES = {"float32": "F32", "int8": "I8", "int64": "I64"}
_ITEMS = {"F32": 4, "I8": 1, "I64": 8, "F16": 2, "BF16": 2, "F64": 8, "F8_E4M3": 1, "U8": 1, "BOOL": 1}


def _stored(kind: str, architecture: dict[str, Any], tensors: dict[str, Any]) -> Weights:
    law = {"constant": -1.0, "weights": {"strain": 0.5}, "doubt": 0.9}
    card = {
        **{"format": 1, "kind": kind, "name": "small", "architecture": architecture},
        **{"recipe": {"penalty_weight": 0.1, "seed": 0}, "data": {"spec": "none", "fingerprint": "00"}},
        **{"metrics": {"psnr_blurry": 20.5, "psnr_restored": 25.0}, "licence": "none", "versions": {}},
        **{"calibrations": {kind: law}, "noisiest": 0.2},
    }
    return Weights(
        card,
        {
            name: (_NAMES[str(each.dtype).removeprefix("torch.")], list(each.shape), each.numpy().tobytes())
            for name, each in tensors.items()
        },
    )


def _mutated_weights(rng: random.Random, seeds: Seeds) -> bytes:
    """A damaged file; or one whose parts were changed, and whose digest is right again."""
    if rng.random() < 0.25:
        return damaged(rng, [each.file() for each in (rng.choice(seeds), rng.choice(seeds))])
    one = rng.choice(seeds)
    tensors = dict(one.tensors)
    for _ in range(rng.choice((0, 1, 1, 2))):
        name = rng.choice(list(tensors))
        tensors[name] = _changed(rng, *tensors[name])
    if rng.random() < 0.05:
        tensors.pop(rng.choice(list(tensors)))
    try:
        return Weights(replaced(rng, one.card) if rng.random() < 0.6 else one.card, tensors).file()
    except (TypeError, ValueError, RecursionError):  # a card that JSON cannot hold
        return Weights(one.card, tensors).file()


def _changed(rng: random.Random, dtype: str, shape: list[int], data: bytes) -> tuple[str, list[int], bytes]:
    """A tensor with other numbers, another type or another shape of as many bytes."""
    match rng.randrange(4):
        case 0 if dtype == "F32" and data:
            values = np.frombuffer(data, "<f4").copy()
            bad = rng.choice((np.nan, np.inf, -np.inf, 3e38, -3e38, 1e30, 1e-45, 89.0, -1.0, 0.0))
            values[slice(None) if rng.random() < 0.5 else rng.randrange(len(values))] = bad
            return dtype, shape, values.tobytes()
        case 1:
            other = rng.choice(list(_ITEMS))
            count = len(data) // _ITEMS[other]
            return other, [count], data[: count * _ITEMS[other]]
        case 2:
            count = len(data) // _ITEMS[dtype]
            return dtype, rng.choice(([count], [1, count], [count, 1, 1], [*shape, 1], [1, *shape])), data
        case _:
            return dtype, [*shape[:-1], 0] if shape else [0], b""


def _read_weights(path: Path) -> object:
    """Build what the file holds, and use it once."""
    import torch

    import invkit
    from invkit.files.store import read_card, read_prior

    card = read_card(path)
    kind = str(card["kind"])
    if kind not in ("vae", "gan", "gaussian", "denoiser", "cnn"):
        return read_prior(path)
    if kind == "cnn":
        return invkit.solver({"kind": "cnn", "weights": str(path)})
    prior = invkit.prior({"kind": kind, "name": str(path)})
    if prior.latent_shape is None:
        return prior
    drawn = prior(prior.sample_latent(2, torch.Generator().manual_seed(1)))
    if not bool(drawn.isfinite().all()):
        raise ValueError("a draw is not finite")
    return drawn


def _command(*arguments: str) -> int:
    """Run a command here; RuntimeError where it calls its own failure an internal error."""
    from invkit.cli.main import main

    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main(list(arguments))
    if "internal error" in err.getvalue() or "Traceback" in err.getvalue():
        raise RuntimeError(err.getvalue()[-500:])
    if any(ord(letter) < 32 and letter not in "\n\t" for letter in out.getvalue() + err.getvalue()):
        raise RuntimeError("a control character reaches the terminal")
    if "--json" in arguments and code == 0:
        json.loads(out.getvalue())
    return code


def _read_card(path: Path) -> object:
    """Read a card as the commands do."""
    from invkit.files.store import read_card

    kind = str(read_card(path)["kind"])
    if kind in ("vae", "gan", "gaussian", "denoiser"):
        _command("describe", f"{kind}:{path}")
        _command("describe", f"{kind}:{path}", "--json")
        _zoo(path, kind)
    return None


def _zoo(path: Path, kind: str) -> None:
    """The listing with this file among the user's."""
    import os
    import shutil

    home = path.parent / "home"
    (home / kind).mkdir(parents=True, exist_ok=True)
    shutil.copy(path, home / kind / "damaged.safetensors")
    os.environ["INVKIT_HOME"] = str(home)
    try:
        _command("zoo")
        _command("zoo", "--json")
        _command("list", "priors")
    finally:
        del os.environ["INVKIT_HOME"]
        shutil.rmtree(home)


def _mutated_card(rng: random.Random, seeds: Seeds) -> bytes:
    one = rng.choice(seeds)
    for _ in range(20):
        try:
            return Weights(replaced(rng, one.card), one.tensors).file()
        except (TypeError, ValueError, RecursionError):  # JSON cannot hold it
            continue
    return bytes(one.file())


# Configurations ----------------------------------------------------------------------------------------


def _configs() -> list[dict[str, Any]]:
    import invkit

    made = (
        invkit.compose("circconv", w="identity", x="identity?penalty=tv", solver="altgd?steps=3", seed=5),
        invkit.compose(
            "linconv?mode=same", w="trajectory", x="spectrum", solver=["evidence", "tv x=identity hold=w"]
        ),
        invkit.compose(
            "circconv | downsample?factor=2", w="motion", x="wavelet:db2", noise="poisson", solver="altgd"
        ),
    )
    return [pipeline.to_config() for pipeline in made]


def _json_text(config: Any) -> bytes:
    return json.dumps(config, indent=1).encode()


def _toml_text(config: Any) -> bytes:
    import tomli_w

    return tomli_w.dumps(config).encode()


def _mutated_text(write: Callable[[Any], bytes], rng: random.Random, seeds: Seeds) -> bytes:
    if rng.random() < 0.4:
        return damaged(rng, [write(each) for each in seeds])
    for _ in range(20):
        try:
            return write(replaced(rng, rng.choice(seeds)))
        except (TypeError, ValueError, RecursionError, AttributeError):  # the format cannot hold it
            continue
    return write(seeds[0])


def _read_config(path: Path) -> object:
    import invkit

    return invkit.load_config(path).to_config(strict=False)


def _text_format(suffix: str, write: Callable[[Any], bytes]) -> Format:
    return Format(suffix, _configs, _read_config, partial(_mutated_text, write), write)


FORMATS: dict[str, Format] = {
    "png": Format(".png", _png, _read_picture, _mutated_png),
    "tiff": Format(".tif", _tiff, _read_picture),
    "stack": Format(".tif", _stacks, _read_stack),
    "jpeg": Format(".jpg", lambda: _pillow("JPEG", {}, {"progressive": True}), _read_picture),
    "webp": Format(".webp", lambda: _pillow("WEBP", {}, {"lossless": True}, modes=("RGB",)), _read_picture),
    "bmp": Format(".bmp", lambda: _pillow("BMP", modes=("1", "L", "P", "RGB")), _read_picture),
    "heic": Format(".heic", _heic, _read_picture),
    "fits": Format(".fits", _fits, _read_picture),
    "npy": Format(".npy", _npy, _read_picture),
    "npz": Format(".npz", _npz, _read_arrays),
    "mat": Format(".mat", _mat, _read_mat),
    "idx": Format(".idx", _idx, _read_idx),
    "zip": Format(".zip", _zip, _read_zip),
    "tar": Format(".tar", _tar, _read_archive, _mutated_tar),
    "cfl": Format(".cfl", _cfl, _read_cfl),
    "safetensors": Format(".safetensors", _weights, _read_weights, _mutated_weights, Weights.file),
    "cards": Format(".safetensors", _weights, _read_card, _mutated_card, Weights.file),
    "toml": _text_format(".toml", _toml_text),
    "json": _text_format(".json", _json_text),
}
"""The formats by name."""
