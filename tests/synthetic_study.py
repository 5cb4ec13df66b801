"""The files of a small synthetic study in the layout of the real one: all that the reporting stages read.

Numbers are known by construction: `CORRECT` says how many of the test samples each method answers correctly.
"""

import io
import json
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import torch
import yaml
from PIL import Image
from safetensors.numpy import save_file

from msd.distill.likeness import mean_divergence
from msd.distill.losses import DATASET_TASKS
from msd.distill.saliency import modality_saliency
from msd.measure.metric import F1_THRESHOLD, METRICS, TUNED_F1, evaluate, tuned_f1

DATASETS: dict[str, dict[str, Any]] = {
    "match": {
        **{"title": "Match", "role": "Hateful Memes", "task": "binary", "metric": "accuracy"},
        "choices": {"files": "seen", "side": "256"},
    },
    "tags": {
        **{"title": "Tags", "role": "MM-IMDB", "task": "multilabel", "metric": "micro_ap"},
        "further_metrics": ["macro_f1_mmf"],
    },
    "relation": {"title": "Relation", "role": "SNLI-VE", "task": "multiclass", "metric": "accuracy"},
    "answers": {"title": "Answers", "role": "VQA v2", "task": "vqa", "metric": "vqa_accuracy"},
}
LABELS = {"match": 2, "tags": 6, "relation": 3, "answers": 5}
TASKS = [about["task"] for about in DATASETS.values()]
METHODS = {"finetune": "Fine-tuning", "kd": "KD", "msd-uniform": "MSD, uniform", "msd-instance": "MSD, instance"}
VARIANTS = {"finetune": ["only"], "kd": ["l0.5", "l0.9"], "msd-uniform": ["c0.5"], "msd-instance": ["c0.5", "c1"]}
# Share of samples answered correctly with both modalities; the first variant listed is the better one.
CORRECT = {"teacher": 0.95, "probe": 0.80, "finetune": 0.70, "kd": 0.80, "msd-uniform": 0.85, "msd-instance": 0.825}
TEXT_CORRECT = {"teacher": 0.60, "finetune": 0.45, "kd": 0.45, "msd-uniform": 0.58, "msd-instance": 0.55}
LEARNED = "msd-instance"  # plays the part of the method whose history holds a weight of every sample
BLOCKS = ([0, 1], [2])
VIEWS = ("both", "image", "text")


def find(table: dict[str, Any], **wanted: Any) -> dict[str, Any]:
    """The one cell of a table with the given fields."""
    found = [cell for cell in table["cells"] if all(cell[key] == value for key, value in wanted.items())]
    assert len(found) == 1, (wanted, len(found))
    return found[0]


def stream(*names: object) -> np.random.Generator:
    """A random stream of its own for each name."""
    return np.random.default_rng(list("/".join(map(str, names)).encode()))


def parameters(variant: str) -> dict[str, float]:
    """c0.5 -> {"share": 0.5}; none for the variant of a method without a grid."""
    return {} if variant == "only" else {"share": float(variant[1:])}


@dataclass
class StudyFiles:
    """The folder of a synthetic study."""

    root: Path
    samples: dict[str, int]
    study: str = "tiny"
    draws: int = 400
    datasets: tuple[str, ...] = tuple(DATASETS)
    blocks: tuple[list[int], ...] = BLOCKS
    teachers: tuple[int, ...] = (7,)

    def targets(self, dataset: str, split: str) -> np.ndarray:
        """Gold targets: (N,) classes or (N, C) scores."""
        count, labels = self.samples[split], LABELS[dataset]
        rng = stream(dataset, split, "targets")
        classes = rng.permutation(np.arange(count) % labels)
        if DATASETS[dataset]["task"] in ("binary", "multiclass"):
            return classes
        scores = np.eye(labels, dtype=np.float32)[classes]
        if DATASETS[dataset]["task"] == "multilabel":
            scores[rng.random((count, labels)) < 0.15] = 1.0
        return scores

    def logits(
        self, dataset: str, split: str, who: str, view: str, *, seed: int = 0, penalty: float = 0.0
    ) -> np.ndarray:
        """Logits that answer exactly round(share · N) + seed samples correctly (all labels of them for multilabel).

        The share is that of CORRECT for both modalities, of TEXT_CORRECT for text, less the penalty, and about chance
        for the image.
        """
        targets = self.targets(dataset, split)
        count, labels = self.samples[split], LABELS[dataset]
        correct = CORRECT if view == "both" else TEXT_CORRECT
        share = round(1 / labels, 2) if view == "image" else correct[who] - penalty
        rng = stream(dataset, split, who, view, seed)
        # The hard samples are hard for every method, but for some noise of its own.
        hardness = stream(dataset, split, view).random(count) + 0.4 * rng.random(count)
        right = np.zeros(count, dtype=bool)
        right[np.argsort(hardness, kind="stable")[: round(share * count) + seed]] = True
        gold = targets if targets.ndim == 2 else np.eye(labels)[targets]
        wrong = np.roll(gold, 1, axis=1)
        predicted = np.where(right[:, None], gold, wrong)
        strength = rng.gamma(3.0, 0.8, (count, 1)) * (0.3 + share)
        noise = rng.normal(0, 0.1, (count, labels))
        return ((2 * predicted - 1) * (0.4 + strength) + noise).astype(np.float32)

    def teacher_of(self, seeds: list[int]) -> int:
        """The teacher of a block of seeds."""
        return self.teachers[self.blocks.index(seeds) % len(self.teachers)]

    def teacher_folders(self, part: str = "", datasets: Iterable[str] = DATASETS) -> list[str]:
        """The folders of all teachers, or of a part of each."""
        folders = [f"results/{self.study}/teachers/{dataset}" for dataset in datasets]
        return [f"{folder}/seed-{seed}{part and f'/{part}'}" for folder in folders for seed in self.teachers]

    # Files

    def write(self) -> Self:
        """Write all that comes before `collect`."""
        for dataset in self.datasets:
            self._write_data(dataset)
            for seed in self.teachers:
                self._write_teacher(dataset, seed)
            self._write_references(dataset)
            for method, variants in VARIANTS.items():
                for rank, variant in enumerate(variants):
                    for seeds in self.blocks:
                        self._write_run(dataset, method, variant, seeds=seeds, penalty=0.1 * rank)
        config = {"study": self.study, "title": "A tiny study", "seeds": [0, 1, 2], "datasets": list(DATASETS)}
        self._path(f"results/{self.study}/study.yaml").write_text(yaml.safe_dump(config))
        return self

    def _path(self, name: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def _write_json(self, name: str, content: Any) -> None:
        self._path(name).write_text(json.dumps(content))

    def _write_data(self, dataset: str) -> None:
        folder = f"results/data/{dataset}"
        for split in ("val", "test"):
            self._write_table(dataset, split, f"{folder}/prepared/{split}.parquet")
        self._write_json(f"{folder}/prepared/findings.json", {"counts": {"dropped: no plot": 1234}, "records": []})
        self._write_json(f"{folder}/prepared/labels.json", [f"label {index}" for index in range(LABELS[dataset])])
        buffer = io.BytesIO()
        Image.new("RGB", (8, 8), "red").save(buffer, "PNG")
        with zipfile.ZipFile(self._path(f"{folder}/prepared/pictures.zip"), "w") as archive:
            for index in range(self.samples["test"]):
                archive.writestr(f"{index}.png", buffer.getvalue())
        self._path(f"{folder}/raw/data.zip").write_bytes(dataset.encode())
        file: dict[str, Any] = {"file": "data.zip", "bytes": 3_200_000, "sha256": "ab" * 32}
        if dataset == "answers":
            file |= {"kind": "url", "origin": "https://example.org/data.zip"}
        else:
            file |= {"kind": "pypi", "package": f"{dataset}-data", "version": "1.0", "origin": "package index"}
        licence = {"name": "CC0-1.0 <public domain>", "text": "free"}
        source = {"name": dataset, "licence": licence, "date": "2026-01-01", "files": [file]}
        self._write_json(f"{folder}/source.json", source)

    def _write_table(self, dataset: str, split: str, name: str) -> None:
        """A prepared table; where the metric is of people's answers, ten people give the gold one, some in capitals."""
        rows = self.targets(dataset, split)
        if rows.ndim == 1:
            target, score = [[int(label)] for label in rows], [[1.0] for _ in rows]
        else:
            target = [np.flatnonzero(row).tolist() for row in rows]
            score = [row[np.flatnonzero(row)].tolist() for row in rows]
        table = pd.DataFrame({"uid": [f"{dataset}-{index}" for index in range(len(rows))]})
        table = table.assign(image=[f"{index}.png" for index in range(len(rows))], text="a", target=target, score=score)
        table["near_copy"] = (dataset == "tags") & (table.index % 4 == 0)
        if METRICS[DATASETS[dataset]["metric"]].of_answers:
            answers = [f"label {labels[0]}" for labels in target]
            table["answers"] = [[answer.upper() if row % 4 == 0 else answer] * 10 for row, answer in enumerate(answers)]
        table.to_parquet(self._path(name))

    def answers(self, dataset: str, split: str, view: str, teacher: int) -> np.ndarray:
        """Logits of a teacher: the first one answers the share of CORRECT rightly, each later one a sample less."""
        return self.logits(dataset, split, "teacher", view, seed=-self.teachers.index(teacher))

    def _write_teacher(self, dataset: str, seed: int) -> None:
        folder = f"results/{self.study}/teachers/{dataset}/seed-{seed}"
        by_view = {view: self.answers(dataset, "test", view, seed) for view in VIEWS}
        outputs = {f"{view}/logits": logits for view, logits in by_view.items()}
        save_file(outputs, self._path(f"{folder}/outputs/test.safetensors"))
        self._write_json(f"{folder}/outputs/metrics.json", self._answer_metrics(dataset))
        scores = modality_saliency(
            {view: torch.from_numpy(logits) for view, logits in by_view.items()},
            task=DATASET_TASKS[DATASETS[dataset]["task"]],  # type: ignore[arg-type]
        )
        saliency = {modality: values.numpy() for modality, values in scores.items()}
        uids = [f"{dataset}-{index}" for index in range(self.samples["test"])]
        for split in ("train", "test"):
            pd.DataFrame({"uid": uids, **saliency}).to_parquet(self._path(f"{folder}/saliency/{split}.parquet"))
        counts = {"n": 40, "pictures": 40}
        image = {"mean": 2.0, "low": 1.5, "high": 2.5, **counts}
        entry = {"image": image, "text": {"mean": 1.0, "low": 0.75, "high": 1.25, **counts}}
        self._write_json(f"{folder}/saliency/summary.json", {"test": entry, "train": entry})
        self._write_history(f"{folder}/history.parquet", dataset, "teacher", seeds=[seed])

    def _write_references(self, dataset: str) -> None:
        probe = self.logits(dataset, "test", "probe", "both")
        save_file({"test/both": probe}, self._path(f"results/{self.study}/probes/{dataset}/predictions.safetensors"))
        models: dict[str, dict[str, Any]] = {
            "teacher": {"parameters": 20_000, "bytes": 80_500, "flops": 9_000_000, "latency_ms": [4.0, 5.0, 6.0]},
            "student": {"parameters": 5_000, "bytes": 20_500, "flops": 1_000_000, "latency_ms": [3.0, 4.0, 8.0]},
            "student-int8": {"bytes": 9_500, "score": 0.75, "latency_ms": [1.0, 2.0, 3.0]},
        }
        models["teacher"]["run"] = self.teacher_folders(datasets=[dataset])[0]
        for name in ("student", "student-int8"):
            models[name]["run"] = f"results/{self.study}/students/{dataset}/finetune/only/seeds-0-1"
        self._write_json(f"results/{self.study}/costs/{dataset}/cost.json", {"models": models})

    def _answer_metrics(self, dataset: str) -> dict[str, float]:
        """Metrics of a teacher that knows the training set of `match` by heart."""
        metric = METRICS[DATASETS[dataset]["metric"]].in_training
        found = {"entropy": 0.5, "label_kl": 0.25, "off_label": 0.015 if dataset == "match" else 0.125, metric: 0.99}
        return {f"train/both/{name}": value for name, value in found.items()} | {f"test/both/{metric}": 0.95}

    def _write_run(self, dataset: str, method: str, variant: str, *, seeds: list[int], penalty: float) -> None:
        folder = f"results/{self.study}/students/{dataset}/{method}/{variant}/seeds-{seeds[0]}-{seeds[-1]}"
        task = DATASETS[dataset]["task"]
        predictions, rows = {}, []
        for seed in seeds:
            for split in ("val", "test"):
                for view in VIEWS:
                    logits = self.logits(dataset, split, method, view, seed=seed, penalty=penalty)
                    predictions[f"seed-{seed}/{split}/{view}"] = logits
                    tensors = torch.from_numpy(logits), torch.from_numpy(self.targets(dataset, split))
                    prefix = "" if view == "both" else f"{view}/"
                    for name, value in evaluate(*tensors, dataset_task=task).items():
                        rows.append((seed, split, f"{prefix}{name}", value))
                    teacher = torch.from_numpy(self.answers(dataset, split, view, self.teacher_of(seeds)))
                    rows.append((seed, split, f"kl/{view}", mean_divergence(tensors[0], teacher, dataset_task=task)))
            if task == "multilabel":
                sides = [
                    (predictions[f"seed-{seed}/{split}/both"], self.targets(dataset, split))
                    for split in ("val", "test")
                ]
                threshold, tuned = tuned_f1(*sides)
                rows.append((seed, "val", F1_THRESHOLD, threshold))
                rows += [(seed, split, TUNED_F1, value) for split, value in tuned.items()]
        save_file(predictions, self._path(f"{folder}/predictions.safetensors"))
        frame = pd.DataFrame(rows, columns=["seed", "split", "metric", "value"])
        frame.to_parquet(self._path(f"{folder}/metrics.parquet"))
        self._write_history(f"{folder}/history.parquet", dataset, method, seeds=seeds)
        run = {"dataset": dataset, "method": method, "variant": variant, "seeds": seeds}
        run["teachers"] = [self.teacher_of(seeds)] * len(seeds)
        self._path(f"{folder}/run.yaml").write_text(yaml.safe_dump(run | {"parameters": parameters(variant)}))

    def _write_history(self, name: str, dataset: str, method: str, *, seeds: list[int]) -> None:
        rows = []
        for seed in seeds:
            for epoch in range(4):
                for step in range(3 * epoch, 3 * epoch + 3):
                    rows.append((seed, step, epoch, "loss", float(len(method)) / (step + 1), None))
                    if method == LEARNED:
                        rows += [
                            (seed, step, epoch, f"weight/{view}", 1 + (place - 1) * step / 12, sample)
                            for place, view in enumerate(VIEWS)
                            for sample in range(4)
                        ]
                share = CORRECT[method] * (1 - 0.5 ** (epoch + 1))
                rows.append((seed, 3 * epoch + 2, epoch, f"val/{DATASETS[dataset]['metric']}", share, None))
        frame = pd.DataFrame(rows, columns=["seed", "step", "epoch", "term", "value", "sample"])
        frame.astype({"sample": "Int32"}).to_parquet(self._path(name))
