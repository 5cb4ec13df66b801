"""`msd doctor`: is everything there that a study needs to start, and what to do where it is not.

It starts nothing, connects to nothing and hashes nothing; torch is loaded only where a GPU may be and is requested.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from msd.errors import UserError
from msd.lineage.environment import EFFECTS, LIBRARIES, LOCK, NO_EFFECT

if TYPE_CHECKING:
    from msd.config.contracts.data import Source
    from msd.config.files import Fetched
    from msd.studies import AnyStudy

DRIVERS = ("/dev/nvidiactl", "/dev/nvidia0", "/dev/dxg", "/dev/kfd")
"""Files of the drivers through which PyTorch sees a GPU: NVIDIA's, those of Windows' Linux, and AMD's."""
PLACES = {"pypi": "PyPI", "debian": "Debian's archive", "committed": "this repository"}
SETUP = "`make setup` installs it"


@dataclass(frozen=True)
class Finding:
    """One thing: `ok`; `missing`, which stops a study or one of its jobs; or `note`, which stops nothing."""

    state: str
    text: str


@dataclass(frozen=True)
class Diagnosis:
    """All that was looked at."""

    findings: list[Finding]

    @property
    def status(self) -> int:
        """0 when everything is there or will come by itself, else 1."""
        return int(any(finding.state == "missing" for finding in self.findings))

    def __str__(self) -> str:
        return "\n".join(f"{finding.state:<8}{finding.text}" for finding in self.findings)


def doctor(path: str) -> Diagnosis:
    """Look at this machine, and at what the study of the file at `path` needs."""
    findings = [*_python(), *_libraries(), *_git()]
    if any(finding.state == "missing" for finding in findings[:-1]):
        return Diagnosis([*findings, Finding("missing", f"{path} was not read: install what is missing above first")])
    from msd.studies import open_study

    try:
        study = open_study(path)
    except UserError as error:
        return Diagnosis([*findings, Finding("missing", f"a study that is in order: {error}")])
    checks = (_disk(study), _gpu(study), *(_source(study, config) for config in study.sources))
    return Diagnosis([*findings, *(finding for check in checks for finding in check)])


def _python() -> Iterator[Finding]:
    """This Python, held against `requires-python`."""
    here, project = f"Python {sys.version.split()[0]}", Path("pyproject.toml")
    text = project.read_text(encoding="utf-8") if project.is_file() else ""
    wanted = re.search(r'^requires-python *= *">=(\d+)\.(\d+),<(\d+)\.(\d+)"', text, flags=re.MULTILINE)
    if wanted is None:
        yield Finding("note", f"{here}; there is no {project} here that says which is needed")
        return
    first = int(wanted[1]), int(wanted[2])
    after = int(wanted[3]), int(wanted[4])
    if first <= sys.version_info[:2] < after:
        yield Finding("ok", here)
    else:
        need = f"Python {first[0]}.{first[1]} or later, before {after[0]}.{after[1]}"
        yield Finding("missing", f"{need}: this is {here}; install one, then `make setup PYTHON=/path/to/it`")


def _libraries() -> Iterator[Finding]:
    """Those that records name, held against the lock."""
    if not LOCK.is_file():
        yield Finding("missing", f"{LOCK}, which has the exact versions: run msd in the folder of the project")
        return
    lines = [line.removesuffix(" \\").partition("==") for line in LOCK.read_text(encoding="utf-8").splitlines()]
    locked = {name.lower().replace("_", "-"): version for name, _, version in lines}
    same = []
    for library in LIBRARIES:
        version = _version(library)
        if version is None:
            yield Finding("missing", f"{library}: not installed; {SETUP}")
        elif version.split("+")[0] != (wanted := locked.get(library, "none")):
            effect = EFFECTS.get(library, NO_EFFECT)
            yield Finding("note", f"{library} {version}, in {LOCK} {wanted}: could change {effect}; {SETUP}")
        else:
            same.append(f"{library} {version}")
    if same:
        yield Finding("ok", f"as in {LOCK}: {', '.join(same)}")


def _version(library: str) -> str | None:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return None


def _git() -> Iterator[Finding]:
    if shutil.which("git") is None:
        yield Finding("missing", "git, whose commit every record has: install it with the system's packages")
    elif not Path(".git").exists():
        yield Finding("note", "git is here, but this folder is no clone: records will name no commit")
    else:
        yield Finding("ok", "git")


def _disk(study: AnyStudy) -> Iterator[Finding]:
    """Room for downloads and region features whose sizes are known; what else is made comes on top."""
    from msd.planning.plan import download_bytes, feature_bytes
    from msd.studies import RESULTS, folder_of

    downloads = sum(download_bytes(_to_come(study, config)) for config in study.sources)
    text = f"{downloads / 1e6:,.1f} MB of downloads"
    to_extract = [
        study.dataset_configs[name]
        for name, encoder in study.extracted.items()
        if not (folder_of(study, name) / f"features/{encoder.name}/regions.npy").exists()
    ]
    features = sum(feature_bytes(study, config) for config in to_extract)
    needed = downloads + features
    text += f", {features / 1e6:,.1f} MB of region features" if features else ""
    free = shutil.disk_usage(RESULTS if RESULTS.exists() else ".").free
    text += f" and what is made of them, {free / 1e6:,.1f} MB are free here"
    if needed < free:
        yield Finding("ok", f"room on the disk: {text}")
    else:
        yield Finding("missing", f"room on the disk: {text}; make room, or put the project on another disk")


def _gpu(study: AnyStudy) -> Iterator[Finding]:
    devices = " and ".join(sorted(study.devices))
    if study.devices == {"cpu"}:
        yield Finding("ok", "no GPU is asked for (device: cpu)")
        return
    name = None
    if util.find_spec("torch") and any(Path(driver).exists() for driver in DRIVERS):
        import torch

        name = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    if name is not None:
        yield Finding("ok", f"PyTorch sees the GPU {name} (device: {devices})")
    elif "cuda" in study.devices:
        advice = "install its driver and PyTorch's build for it, or write `device: auto`"
        yield Finding("missing", f"a GPU: device is {devices}, and PyTorch sees none; {advice}")
    else:
        yield Finding("ok", f"PyTorch sees no GPU, the processor trains (device: {devices})")


def _to_come(study: AnyStudy, config: Fetched) -> list[Source]:
    """The files of a dataset, encoder or model that are not among its raw files yet."""
    from msd.studies import folder_of

    raw = folder_of(study, config.name) / "raw"
    return [source for source in config.sources if not (raw / source.name).is_file()]


def _source(study: AnyStudy, config: Fetched) -> Iterator[Finding]:
    """Licence, variables and files of a dataset, encoder or model."""
    from msd.data.fetch import not_set, unset
    from msd.planning.plan import size
    from msd.studies import folder_of

    name, licence = config.name, config.licence
    if config in study.unaccepted:
        todo = f"read {licence.terms}, then write `{study.accepting_line}` in {study.file}"
        yield Finding("missing", f"{name}: its licence, {licence.name}, is not accepted: {todo}")
    elif licence.gate != "none":
        yield Finding("ok", f"{name}: its licence is accepted: {licence.name}")
    for variable in licence.environment or []:
        if variable in unset(licence):
            yield Finding("missing", f"{name}: {not_set(variable, licence)}")
        else:
            yield Finding("ok", f"{name}: the variable {variable} of the environment is set")
    to_come = _to_come(study, config)
    if not to_come:
        yield Finding("ok", f"{name}: its files are in {folder_of(study, name) / 'raw'}; {licence.name}")
    for source in to_come:
        if source.kind == "manual":
            yield _brought(study, config, source)
    by_itself = [source for source in to_come if source.kind != "manual"]
    if by_itself:
        places = ", ".join(dict.fromkeys(map(_whence, by_itself)))
        yield Finding("ok", f"{name}: {size(by_itself)} will come by itself: {places}; {licence.name}")
    yield from _hub(config, [source for source in to_come if source.kind == "hub"])


def _brought(study: AnyStudy, config: Fetched, source: Source) -> Finding:
    """A file that a person has to bring."""
    from msd.data.local_files import DATA_ROOT, must_bring, place_of

    place = place_of(study.data_root or os.environ.get(DATA_ROOT), config.name, source.file)
    if place is None or not place.is_file():
        return Finding("missing", must_bring(place, config.name, source.file, terms=config.licence.terms))
    size_there = place.stat().st_size
    if source.bytes not in (None, size_there):
        expected = f"{size_there:,} bytes at {place}, expected {source.bytes:,}"
        return Finding("missing", f"{config.name}: the whole {source.file}: {expected}; bring it again")
    return Finding("ok", f"{config.name}: {source.file} was brought to {place}, {size_there:,} bytes")


def _whence(source: Source) -> str:
    """Where a file comes from."""
    if source.kind == "url":
        return urlsplit(source.urls[0]).netloc
    return f"{source.repo} on the hub" if source.kind == "hub" else PLACES.get(source.kind, source.kind)


def _hub(config: Fetched, sources: list[Source]) -> Iterator[Finding]:
    """Of files of the hub that its cache has not: may its client connect, and does it find a token, never which."""
    from msd.data.hub import cached

    files = [
        source
        for source in sources
        if source.repo and source.revision
        if cached(source.repo, source.file, revision=source.revision, kind=source.repo_type) is None
    ]
    if not files:
        return
    from huggingface_hub import constants, get_token

    if constants.is_offline_mode():
        yield Finding("missing", f"{config.name}: {files[0].file} of the hub: unset HF_HUB_OFFLINE, or bring its cache")
    if config.licence.gate == "token" and get_token():
        yield Finding("ok", f"{config.name}: a token of the Hugging Face hub is here")
    elif config.licence.gate == "token":
        text = f"{config.name}: a token of the Hugging Face hub, of an account that accepted {config.licence.terms}"
        yield Finding("missing", f"{text}; `hf auth login`, or set HF_TOKEN")
