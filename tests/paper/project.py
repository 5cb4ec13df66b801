"""A project in which config/paper.yaml meets fixtures: its own files, and the changes that fixtures need, no more."""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import files
import yaml

from msd.config.study import Study

PROJECT = Path(__file__).resolve().parents[2]


def write_project(folder: Path, *, address: str, password: str) -> None:
    """The project with the files of the fixtures, which `address` serves, and its study changed for them."""
    for name in ("msd", "profiles", "Snakefile", "CITATION.cff", "pyproject.toml", "requirements.lock"):
        (folder / name).symlink_to(PROJECT / name)
    for name in ("config", "workflow"):
        shutil.copytree(PROJECT / name, folder / name)
    content = yaml.safe_load((PROJECT / "config/paper.yaml").read_text())
    content["datasets"]["hateful-memes"]["student"]["model"] = "tinybert-6l-768"  # so that both students run
    _change(folder / "config/paper.yaml", lambda own: own.update(content))
    study = Study.model_validate(content)
    wheel = study.encoder_configs["minilm-l6"].sources[0].name
    made = {
        "hateful-memes": files.hateful_memes(password),
        "mm-imdb": files.mm_imdb(),
        "snli-ve": files.snli_ve(),
        "vqa-v2": files.vqa_v2(),
        **files.features(),
        **files.models(wheel),
    }
    kinds = {"datasets": study.dataset_configs, "encoders": study.encoder_configs, "models": study.model_configs}
    for kind, configs in kinds.items():
        for name in configs:
            _write_files(folder, name, made[name])
            _change(folder / f"config/{kind}/{name}.yaml", lambda content: _of_fixtures(content, folder, address))
    gated = [config.name for config in study.unaccepted]
    _change(folder / "config/paper.yaml", lambda content: _small(content, study, gated))


def _change(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    content = yaml.safe_load(path.read_text())
    change(content)
    path.write_text(yaml.safe_dump(content, sort_keys=False))


def _write_files(folder: Path, name: str, made: dict[str, bytes]) -> None:
    for file, content in made.items():
        path = folder / f"files/{name}/{file}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _of_fixtures(content: dict[str, Any], folder: Path, address: str) -> None:
    """Digests, sizes and addresses of the fixtures' files, and the sizes of their models and regions."""
    name = content["name"]
    for source in content["sources"]:
        file = folder / f"files/{name}/{source['file']}"
        known = {"bytes": file.stat().st_size, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
        if source["kind"] == "url":
            source |= known | {"urls": [f"{address}/{name}/{source['file']}"]}
        elif source["kind"] == "hub":
            place = folder / f"hub/models--{source['repo'].replace('/', '--')}/snapshots/{source['revision']}"
            place.mkdir(parents=True, exist_ok=True)
            file.rename(place / source["file"])
            source |= known
        else:  # brought by hand; so is the text encoder, in the place of a package of PyPI
            for key in {*source} - {"file"}:
                del source[key]
            source["kind"] = "manual"
    if "boxes" in content:
        content["dims"] = files.WIDTH
    elif "architecture" in content:
        content |= files.MODEL | {"layers": files.STUDENTS.get(name, files.LARGE)}
        content |= {"region_width": files.WIDTH} if "region_width" in content else {}
    elif "layers" in content:
        content |= files.WORDS
    elif "prepare" in content:
        del content["pictures"], content["samples"]  # numbers of the real ones
        if name == "vqa-v2":
            content["prepare"]["pictures"]["val"] = files.VALIDATED


def _small(content: dict[str, Any], study: Study, gated: list[str]) -> None:
    """Few seeds, one teacher, epoch and point of each grid; where files lie and which licences are accepted."""
    content |= {"title": f"{study.title}: fixtures, whose numbers mean nothing", "seeds": 2, "seeds_per_job": 2}
    content |= {"data_root": "files", "accept_licenses": gated}
    del content["search_seeds"]
    content["report"]["draws"] = 100
    content["teacher"]["seeds"] = 1
    for section in (content, *content["datasets"].values()):
        for role in ("teacher", "student"):
            section[role] |= {"epochs": 1, "batch_size": 32}
    content["datasets"]["vqa-v2"]["teacher"]["outputs"]["top"] = 2
    for name, method in study.method_configs.items():
        first = {key: values[0] for key, values in method.parameters.items() if isinstance(values, list)}
        content["methods"][name] = first | content["methods"][name]
    content["methods"]["msd-learned"]["meta_share"] = 0.5  # of fewer, not every genre has a sample on both sides
