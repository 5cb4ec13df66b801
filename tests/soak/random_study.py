"""Random small studies that are in order: datasets, methods, seeds, grids, teachers and their changes for one dataset."""

from pathlib import Path
from random import Random
from typing import Any

import yaml
from expected import CONFIG, listed

DATASETS = ("cataclysm-kind", "clipart-match", "clipart-tags", "easy-vqa", "emoji-kind", "emoji-relation", "tux-kind")
COMPARED = ("finetune", "kd")
"""On every dataset: the methods that the others are compared with."""
OTHERS = sorted({path.stem for path in (CONFIG / "methods").glob("*.yaml")} - {*COMPARED})
GRIDS = {"lambda": [0.1, 0.3, 0.5, 0.7, 0.9], "temperature": [1, 2, 4], "beta": [1, 10, 100]}
Content = dict[str, Any]


def random_study(random: Random) -> Content:
    """A study as YAML would have it."""
    study: Content = yaml.safe_load((CONFIG / "smoke.yaml").read_text())
    seeds = _seeds(random, 5)
    study |= {"study": "soak", "seeds": seeds, "seeds_per_job": random.randint(1, 4)}
    study["search_seeds"] = random.choice([None, 1, 2, 3])
    study["methods"] = {
        name: _changes(random, name) for name in (*COMPARED, *random.sample(OTHERS, random.randint(0, 3)))
    }
    study["saliency"] = {"measure": random.choice(["kl", "js", "l1"])}
    study["transfer"] = {"pairs": random.choice([0, 0, 0, 2])}
    study["teacher"]["seeds"] = _seeds(random, min(2, len(listed(seeds))))
    study["datasets"] = {
        name: _dataset(random, study) for name in random.sample(DATASETS, random.choice([1, 1, 1, 2, 3]))
    }
    study["report"]["best_of"] = [random.choice([name for name in study["methods"] if name != "finetune"])]
    return study


def edited(study: Content, random: Random) -> Content:
    """Another study of the same name: one thing is changed."""
    kind = random.choice(["measure", "seeds", "point", "blocks", "method"])
    if kind == "measure":
        return study | {"saliency": {"measure": random.choice(["kl", "js", "l1"])}}
    if kind == "seeds" and isinstance(study["seeds"], int):
        return study | {"seeds": study["seeds"] + 1}
    if kind == "point":
        return study | {"methods": study["methods"] | {"kd": {"lambda": random.choice(GRIDS["lambda"])}}}
    if kind == "method":
        name = random.choice(OTHERS)
        return study | {"methods": {name: _changes(random, name)} | study["methods"]}
    return study | {"seeds_per_job": random.randint(1, 4)}


def _seeds(random: Random, most: int) -> int | list[int]:
    """A number of seeds, or that many seeds."""
    count = random.randint(1, most)
    return random.choice([count, random.sample(range(100), count)])


def _changes(random: Random, method: str) -> Content:
    """What a study changes in a method: a value or a few for some of its axes, and how many seeds it gets."""
    known: Content = yaml.safe_load(Path(CONFIG, "methods", f"{method}.yaml").read_text())["parameters"]
    changes: Content = {}
    for name, values in GRIDS.items():
        is_one = method == "self" or random.random() < 0.5
        if name in known and (is_one or random.random() < 0.5):
            changes[name] = random.choice(values) if is_one else random.sample(values, random.randint(1, 2))
    if method not in COMPARED and random.random() < 0.3:
        changes["seeds"] = random.randint(1, 3)
    return changes


def _dataset(random: Random, study: Content) -> Content:
    """What differs for one dataset."""
    own: Content = {}
    if random.random() < 0.3:
        own["part"] = random.choice(["control", "other"])
    if random.random() < 0.3:
        own["seeds"] = _seeds(random, 4)
        own["teacher"] = {"seeds": _seeds(random, min(2, len(listed(own["seeds"]))))}
    if random.random() < 0.3:
        kept = [name for name in study["methods"] if name in COMPARED or random.random() < 0.5]
        own["methods"] = {name: _changes(random, name) if random.random() < 0.5 else {} for name in kept}
    if random.random() < 0.2:
        own["transfer"] = {"pairs": random.choice([0, 1])}
    return own
