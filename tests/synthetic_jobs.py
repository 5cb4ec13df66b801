"""A small synthetic study with the jobs that report it."""

import contextlib
from pathlib import Path
from typing import Any

from synthetic_records import record_job, write_chain
from synthetic_study import DATASETS, LEARNED, METHODS, TASKS, VARIANTS, StudyFiles

from msd.config.contracts.tables import CollectParams, ReportParams
from msd.job import Job
from msd.report.figures import figures
from msd.report.report import report
from msd.tables.collect import collect
from msd.tables.names import table_names
from msd.tables.tables import tables

TABLES = table_names(list(METHODS), TASKS)
FORMS = ("json", "csv", "md", "tex")
FIGURES = [
    *["main", "curves", "saliency", "saliency-scatter"],
    *(f"densities-{dataset}" for dataset in DATASETS),
    *(f"examples-{dataset}" for dataset in DATASETS),
    *["sensitivity-share", "weights"],
]
CAPTIONS = dict.fromkeys([*(name.split("-")[0] for name in FIGURES), "rules"])


class FakeStudy(StudyFiles):
    """A synthetic study with the jobs that report it."""

    def collect(self) -> None:
        """Collect every cell, in the study's folder as working directory."""
        for dataset in self.datasets:
            for method in METHODS:
                job = self.collect_job(dataset, method)
                collect(job)
                record_job(job)

    def params(self, **changed: Any) -> ReportParams:
        """Parameters that tables and figures share."""
        params = {
            "study": self.study,
            "title": "A tiny study",
            "datasets": [
                {"name": name, "teachers": list(self.teachers), "methods": list(METHODS), **about}
                for name, about in DATASETS.items()
            ],
            "methods": [{"name": name, "title": title} for name, title in METHODS.items()],
            "baseline": "kd",
            "from_scratch": "finetune",
            "best_of": ["msd-uniform", "msd-instance"],
            "draws": self.draws,
            "saliency_measure": "kl",
            "learned": LEARNED,
        }
        return ReportParams.model_validate(params | changed)

    def collect_job(self, dataset: str, method: str, **changed: Any) -> Job:
        """The collect job of one cell."""
        folders = [
            f"results/{self.study}/students/{dataset}/{method}/{variant}/seeds-{seeds[0]}-{seeds[-1]}"
            for variant in VARIANTS[method]
            for seeds in self.blocks
        ]
        files = {"metrics": "metrics.parquet", "runs": "run.yaml", "predictions": "predictions.safetensors"}
        cell = f"results/{self.study}/cells/{dataset}/{method}"
        self._path(f"{cell}/cell.json")
        params = {"study": self.study, "dataset": dataset, "method": method, "title": METHODS[method]}
        params |= {"metric": DATASETS[dataset]["metric"], "task": DATASETS[dataset]["task"]}
        params |= {"search_seeds": sorted(seed for block in self.blocks for seed in block)}
        prepared = {"val": "val.parquet", "test": "test.parquet", "labels": "labels.json"}
        data = {name: f"results/data/{dataset}/prepared/{file}" for name, file in prepared.items()}
        return Job(
            "collect",
            params=CollectParams.model_validate(params | changed),
            inputs={key: [f"{folder}/{file}" for folder in folders] for key, file in files.items()} | data,
            outputs={"cell": f"{cell}/cell.json", "predictions": f"{cell}/predictions.safetensors"},
        )

    def shared_inputs(self) -> dict[str, Any]:
        """Inputs that tables and figures share."""
        cells = [f"results/{self.study}/cells/{dataset}/{method}" for dataset in DATASETS for method in METHODS]
        teachers = self.teacher_folders()
        data = [f"results/data/{dataset}/prepared" for dataset in DATASETS]
        runs = sorted((self.root / f"results/{self.study}/students").rglob("history.parquet"))
        return {
            "cells": [f"{folder}/cell.json" for folder in cells],
            "cell_predictions": [f"{folder}/predictions.safetensors" for folder in cells],
            "prepared": [f"{folder}/test.parquet" for folder in data],
            "labels": [f"{folder}/labels.json" for folder in data],
            "teacher_outputs": [f"{folder}/outputs/test.safetensors" for folder in teachers],
            "teacher_histories": [f"{folder}/history.parquet" for folder in teachers],
            "histories": [path.relative_to(self.root).as_posix() for path in runs],
        }

    def tables_job(self, folder: str = "tables", **changed: Any) -> Job:
        """The tables job."""
        names = [f"{name}.{form}" for name in TABLES for form in FORMS]
        teachers = self.teacher_folders()
        own = {
            "teacher_metrics": [f"{teacher}/outputs/metrics.json" for teacher in teachers],
            "probes": [f"results/{self.study}/probes/{dataset}/predictions.safetensors" for dataset in DATASETS],
            "saliency": [f"{teacher}/saliency/summary.json" for teacher in teachers],
            "test_saliency": [f"{teacher}/saliency/test.parquet" for teacher in teachers],
            "costs": [f"results/{self.study}/costs/{dataset}/cost.json" for dataset in DATASETS],
            "claims": str(Path(__file__).parents[1] / "config/claims.yaml"),
        }
        return Job(
            "tables",
            params=self.params(**changed),
            inputs=self.shared_inputs() | own,
            outputs=self._outputs(folder, [*names, "metrics.json", "predictions.json", "curves.csv"]),
        )

    def figures_job(self, folder: str = "figures", **changed: Any) -> Job:
        """The figures job."""
        moves = self.teacher_folders("saliency")
        own = {
            "saliency": [f"{folder}/test.parquet" for folder in moves],
            "pictures": [f"results/data/{dataset}/prepared/pictures.zip" for dataset in DATASETS],
            "train_saliency": [f"{folder}/train.parquet" for folder in moves],
            "main": f"results/{self.study}/tables/main.json",
        }
        return Job(
            "figures",
            params=self.params(**changed),
            inputs=self.shared_inputs() | own,
            outputs=self._outputs(folder, [f"{name}.{form}" for name in FIGURES for form in ("svg", "png")]),
        )

    def report_job(self, name: str = "report.html", **changed: Any) -> Job:
        """The report job."""
        made = f"results/{self.study}"
        project = Path(__file__).parents[1]
        captions = project / "workflow/report"
        records = sorted(path for path in self.root.rglob("record.json"))
        graph = list(self._outputs(Path(name).stem, ["rules.svg", "rules.png"]).values())
        return Job(
            "report",
            params=self.params(**changed),
            inputs={
                "tables": [f"{made}/tables/{table}.json" for table in TABLES],
                "figures": [f"{made}/figures/{figure}.svg" for figure in FIGURES],
                "cells": self.shared_inputs()["cells"],
                "sources": [f"results/data/{dataset}/source.json" for dataset in DATASETS],
                "findings": [f"results/data/{dataset}/prepared/findings.json" for dataset in DATASETS],
                "captions": [str(captions / f"{kind}.rst") for kind in CAPTIONS],
                "records": [path.relative_to(self.root).as_posix() for path in records],
                "study": f"{made}/study.yaml",
                "environment": f"{made}/tables/record.json",
                "citation": str(project / "CITATION.cff"),
            },
            outputs={"report": f"{made}/{name}", "graph": graph},
        )

    def _outputs(self, folder: str, names: list[str]) -> dict[str, str]:
        return {name: str(self._path(f"results/{self.study}/{folder}/{name}").relative_to(self.root)) for name in names}


def collected_study(root: Path) -> FakeStudy:
    """A study written below `root` whose cells are collected."""
    study = FakeStudy(root, samples={"val": 40, "test": 120}).write()
    with contextlib.chdir(study.root):
        write_chain(study.study)
        study.collect()
    return study


def make_report(study: FakeStudy) -> FakeStudy:
    """The study with its tables, figures and report."""
    with contextlib.chdir(study.root):
        for stage, job in ((tables, study.tables_job()), (figures, study.figures_job())):
            stage(job)
            record_job(job)
        report(study.report_job())
    return study
