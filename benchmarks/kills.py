"""Is every picture done exactly once, whenever a run is killed?

    python -m benchmarks.kills                      # 2,000 pictures, 200 kills of each of 1, 2 and 4 jobs
    python -m benchmarks.kills --pictures 40 --kills 3 --jobs 1
    python -m benchmarks.kills --pack               # the same of runs that write a tar

The folder holds the finished results of another configuration, so that every picture is replaced, and a mixed
record would show. Runs are started one after another, and killed by SIGKILL at a random moment. After each
kill every record is compared with the files beside it: all are of the one configuration or all of the other,
to the bit. Then a last run goes to the end. Its folder must be the one of an undisturbed run: the same files,
the same bits, and one line for each picture in the index.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import click

import invkit
from benchmarks._measuring import Report, reported
from benchmarks._small_pictures import giving_back, write_pictures

Files = dict[str, str]
"""The sha256 of files by their names."""

Kept = tuple[list[str], Files]
"""The names of finished pictures, each as often as it has a record, and all files that count."""


def results(folder: Path) -> Files:
    """The results in a folder; of records what does not depend on the time."""
    found = {}
    for path in sorted(folder.iterdir()):
        if not path.name.startswith(".") and path.suffix not in (".jsonl", ".toml", ".tar"):
            found[path.name] = _digest(path.name, path.read_bytes())
    return found


def packed(folder: Path) -> list[Files]:
    """The finished pictures of a tar, each with its files: those that stand before its record, and that."""
    groups, group = [], Files()
    with suppress(tarfile.ReadError, EOFError), tarfile.open(folder / "results.tar") as archive:
        for member in archive:  # a killed run leaves a tar that is cut off
            stream = archive.extractfile(member)
            made = b"" if stream is None else stream.read()
            if len(made) < member.size:
                break
            group[member.name] = _digest(member.name, made)
            if member.name.endswith(".json"):
                groups.append(group)
                group = Files()
    return groups


def kept(folder: Path, *, pack: bool) -> Kept:
    """What is finished in a folder. Of two results of a picture in a tar, the later one counts."""
    if not pack:
        found = results(folder)
        return [name for name in found if name.endswith(".json")], found
    groups = packed(folder)
    found = {name: digest for group in groups for name, digest in group.items()}
    return [name for group in groups for name in group if name.endswith(".json")], found


def _digest(name: str, made: bytes) -> str:
    if name.endswith(".json"):
        record = json.loads(made)
        fields = ("image", "image_sha256", "configuration", "status", "files", "sha256")
        made = json.dumps({key: record[key] for key in fields}, sort_keys=True).encode()
    return hashlib.sha256(made).hexdigest()


def mixed(found: Files, runs: list[Files]) -> list[str]:
    """Records that stand beside files of another run than their own."""
    faulty = []
    for record in (name for name in found if name.endswith(".json")):
        stem = record.removesuffix(".json")
        beside = {name: digest for name, digest in found.items() if name.startswith((f"{stem}.", f"{stem}_"))}
        whole = ({name: run.get(name) for name in beside} for run in runs)
        if not any(beside == each for each in whole):
            faulty.append(record)
    return faulty


def indexed(folder: Path) -> list[str]:
    """The names of the records in the index, each as often as it stands there."""
    lines = (folder / "records.jsonl").read_text().splitlines()
    return sorted(json.loads(line)["files"]["record"] for line in lines)


def run(source: Path, out: Path, jobs: int, after: float | None, *, pack: bool = False) -> bool:
    """Run in a process of its own, killed so many seconds after it has begun to solve.

    Returns:
        Whether it was killed before it was done.
    """
    program = (
        "import sys, invkit; from benchmarks._small_pictures import giving_back\n"
        "def tell(step):\n    if not step.kept: print('solved', flush=True)\n"
        "invkit.map(giving_back(), sys.argv[1], sys.argv[2], jobs=int(sys.argv[3]),"
        " only=('sharp', 'kernel_exact'), pack=sys.argv[4] == '1', tell=tell)"
    )
    path = os.pathsep.join(each or os.getcwd() for each in sys.path)
    with subprocess.Popen(
        [sys.executable, "-c", program, str(source), str(out), str(jobs), str(int(pack))],
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        if after is not None:
            process.stdout.readline()
            time.sleep(after)
            process.send_signal(signal.SIGKILL)
        process.stdout.read()
        code = process.wait()
    if code not in (0, -signal.SIGKILL):
        raise click.ClickException(f"a run ended with exit code {code}")
    return code != 0


def disturbed(
    source: Path, runs: list[Files], out: Path, jobs: int, kills: int, rng: random.Random, *, pack: bool
) -> Report:
    """Kill runs into a folder that holds the first of the results, until it holds the second."""
    count = sum(name.endswith(".json") for name in runs[1])
    killed, mixes, mean = 0, 0, 0.05
    found = kept(out, pack=pack)[1]
    while killed < kills:
        before = sum(name in runs[1] and digest == runs[1][name] for name, digest in found.items())
        # Early enough that pictures are left for the kills to come.
        after = rng.uniform(0, 2 * mean)
        if not run(source, out, jobs, after, pack=pack):
            break
        killed += 1
        found = kept(out, pack=pack)[1]
        mixes += len(mixed(found, runs))
        done = sum(name in runs[1] and digest == runs[1][name] for name, digest in found.items()) - before
        left = 3 * count - before - done
        aim = left / (kills - killed + 1)
        mean = min(5.0, max(1e-3, mean * (2 if done < aim / 2 else 0.5 if done > aim else 1)))
    run(source, out, jobs, None, pack=pack)
    names, found = kept(out, pack=pack)
    return {
        "kills": killed,
        "mixed records": mixes,
        "pictures not exactly once": len(set(names) ^ {name for name in runs[1] if name.endswith(".json")})
        + len(names)
        - len(set(names))
        + abs(len(indexed(out)) - count),
        "files that are not of an undisturbed run": sum(
            found.get(name) != runs[1].get(name) for name in {*found, *runs[1]}
        ),
        "files left by dead runs": sum(path.name.startswith(".") for path in out.iterdir()),
    }


@reported
@click.option("--pictures", default=2000, show_default=True)
@click.option("--kills", default=200, show_default=True, help="For each number of jobs.")
@click.option("--jobs", default="1,2,4", show_default=True)
@click.option("--pack", is_flag=True, help="Results in a tar.")
@click.option("--seed", default=0)
def main(pictures: int, kills: int, jobs: str, pack: bool, seed: int) -> Report:
    """Kill runs at random moments, and look at what they leave."""
    rng = random.Random(seed)
    report = {}
    with tempfile.TemporaryDirectory() as place:
        source = Path(place) / "pictures"
        write_pictures(source, pictures)
        runs = []
        for gain in (0.5, 1.0):
            out = Path(place) / str(gain)
            invkit.map(giving_back(gain), source, out, jobs=1, only=("sharp", "kernel_exact"), pack=pack)
            runs.append(kept(out, pack=pack)[1])
        for each in jobs.split(","):
            out = Path(place) / f"jobs-{each}"
            invkit.map(giving_back(0.5), source, out, jobs=1, only=("sharp", "kernel_exact"), pack=pack)
            report[f"{each} job(s)"] = disturbed(source, runs, out, int(each), kills, rng, pack=pack)
            click.echo(f"{each} job(s): {report[f'{each} job(s)']}", err=True)
    return report


if __name__ == "__main__":
    main()
