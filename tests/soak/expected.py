"""What the tables of a study hold where models are arithmetic, from the study's YAML alone.

Written without the package: the rules of a study as its reference (config/README.md) states them.
"""

import itertools
from pathlib import Path
from typing import Any

import yaml
from stand_ins import code, student_number

CONFIG = Path(__file__).resolve().parents[2] / "config"
Content = dict[str, Any]


def expected_cells(study: Content) -> dict[str, list[Any]]:
    """dataset/method -> the chosen point and the number of each of its students by seed."""
    return {
        f"{dataset}/{method}": _cell(study, dataset, method)
        for dataset, own in study["datasets"].items()
        for method in study["methods"]
        if method in (own.get("methods") or study["methods"])
    }


def expected_jobs(study: Content) -> int:
    """How many jobs train students."""
    jobs = 0
    for cell in expected_cells(study):
        dataset, method = cell.split("/")
        seeds, searching, points = _plan(study, dataset, method)
        per_job = study["seeds_per_job"]
        jobs += len(points) * -(-len(searching) // per_job) + -(-(len(seeds) - len(searching)) // per_job)
    return jobs


def _cell(study: Content, dataset: str, method: str) -> list[Any]:
    seeds, searching, points = _plan(study, dataset, method)
    sums = {
        name: sum(_student(study, dataset, method, seed, values) for seed in searching)
        for name, values in points.items()
    }
    best = max(sums, key=sums.__getitem__)
    return [best, {str(seed): _student(study, dataset, method, seed, points[best]) for seed in seeds}]


def _plan(study: Content, dataset: str, method: str) -> tuple[list[int], list[int], dict[str, Content]]:
    """Seeds of a cell, those that choose its point, and its points by name."""
    here = (study["datasets"][dataset].get("methods") or {}).get(method, {})
    changes = study["methods"][method] | here
    seeds = listed(study["datasets"][dataset].get("seeds", study["seeds"]))[: changes.get("seeds")]
    values = _method(method)["parameters"] | {key: value for key, value in changes.items() if key != "seeds"}
    axes = {key: value for key, value in values.items() if isinstance(value, list)}
    points = {}
    for chosen in itertools.product(*axes.values()):
        name = "_".join(f"{key}-{value}" for key, value in zip(axes, chosen, strict=True)) or "default"
        points[name] = values | dict(zip(axes, chosen, strict=True))
    return seeds, seeds[: study.get("search_seeds")] if len(points) > 1 else seeds, points


def _student(study: Content, dataset: str, method: str, seed: int, parameters: Content) -> int:
    own = study["datasets"][dataset]
    all_seeds = listed(own.get("seeds", study["seeds"]))
    teachers = listed((study["teacher"] | own.get("teacher", {}))["seeds"])
    prepared = 2 * code(dataset)
    regions = 2 * prepared + code(study["data"]["extractor"])
    data = prepared + 5 * regions + 7 * code(study["data"]["text_encoder"])
    teacher = data + 100 * (teachers[all_seeds.index(seed) % len(teachers)] + 1)
    saliency = 2 * teacher + code(study["saliency"]["measure"])
    others = 0
    if pairs := own.get("transfer", study.get("transfer", {"pairs": 0}))["pairs"]:
        unlabelled = prepared + 13 * pairs
        answers = 2 * teacher + unlabelled
        others += answers + answers + code(study["saliency"]["measure"]) + unlabelled
    kind = _method(method).get("teacher", "outputs")
    if kind == "model":
        others += teacher
    if kind == "student":
        scratch = study["report"]["from_scratch"]
        [point] = _plan(study, dataset, scratch)[2].values()
        others += _student(study, dataset, scratch, seed, point)
    return student_number(seed, parameters, teacher=2 * teacher, saliency=saliency, others=others)


def _method(name: str) -> Content:
    content: Content = yaml.safe_load((CONFIG / f"methods/{name}.yaml").read_text())
    return content


def listed(seeds: int | list[int]) -> list[int]:
    """Seeds: a count n means 0 to n−1."""
    return list(range(seeds)) if isinstance(seeds, int) else seeds
