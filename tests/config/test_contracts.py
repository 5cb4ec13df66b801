"""What a job is given goes through JSON and comes back as the same object, and a faulty one is refused."""

import json
from pathlib import Path

import pytest
from faults import one_sentence

from msd.config.files import fetch_params
from msd.config.study import load_study
from msd.job import plain, read_job, write_job


def test_what_a_study_plans_is_what_its_jobs_read() -> None:
    study = load_study("config/smoke.yaml")
    run = study.runs[0]
    planned = [
        *map(fetch_params, study.dataset_configs.values()),
        study.prepare_params(run.dataset),
        study.features_params("clipart-tags"),
        study.model_params(run.dataset),
        study.outputs_params(run.dataset),
        study.saliency_params(run.dataset),
        study.teacher_params(run.dataset, 0),
        *map(study.student_params, study.runs),
        study.collect_params(run.dataset, run.method),
        study.report_params(),
    ]
    for params in planned:
        assert type(params).model_validate(json.loads(json.dumps(plain(params)))) == params


def test_a_job_reads_the_object_that_was_planned(tmp_path: Path) -> None:
    params = fetch_params(load_study("config/smoke.yaml").encoder_configs["minilm-l6"])
    write_job(str(tmp_path / "job.json"), {"params": plain(params)})
    assert read_job("fetch", str(tmp_path / "job.json")).params == params


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"nmae": "x"}, r"the fetch job: unknown key 'params.nmae'; did you mean 'name'\?"),
        ({"citation": None}, r"the fetch job: params.citation: .*string"),
        ({"licence": {"name": "MIT", "gate": "tokn"}}, r"params.licence.gate: .*did you mean 'token'\?"),
    ],
)
def test_a_faulty_job_is_refused_in_one_sentence(tmp_path: Path, change: dict, sentence: str) -> None:
    params = plain(fetch_params(load_study("config/smoke.yaml").encoder_configs["minilm-l6"]))
    write_job(str(tmp_path / "job.json"), {"params": params | change})
    with one_sentence(sentence):
        read_job("fetch", str(tmp_path / "job.json"))
