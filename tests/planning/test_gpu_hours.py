"""GPU-hours are samples over the speeds in bench/, and the paper's study is priced before anything of it is here."""

import re
from pathlib import Path

import pytest
import yaml

from msd.config.study import Study, load_study
from msd.planning import gpu_hours as priced
from msd.planning.gpu_hours import gpu_hours, gpu_seconds
from msd.planning.plan import plan

SPEEDS = """NVIDIA Quick, PyTorch 9
| model | method | batch | regions | tokens | precision | compiled | jobs | samples/s | TFLOP/s | share |
|---|---|---:|---:|---:|---|---|---:|---:|---:|---:|
| VisualBERT-base | finetune | 64 | 36 | 64 | bf16 | no | 1 | 1,000 | 1 | 1% |
| VisualBERT-base | finetune | 256 | 100 | 128 | bf16 | no | 1 | 2,000 | 1 | 1% |
| TinyBERT 4L-312 | kd | 256 | 100 | 128 | bf16 | no | 1 | 4,000 | 1 | 1% |
| TinyBERT 4L-312 | kd | 256 | 100 | 128 | fp32 | no | 1 | 1 | 1 | 1% |
| TinyBERT 4L-312 | kd | 256 | 100 | 128 | bf16 | yes | 1 | 2 | 1 | 1% |
| TinyBERT 4L-312 | kd | 256 | 100 | 128 | bf16 | no | 8 | 3 | 1 | 1% |
| TinyBERT 4L-312 | msd | 256 | 100 | 128 | bf16 | no | 1 | 2,500 | 1 | 1% |
"""
KEPT = {
    "finetune": {},
    "kd": {"lambda": 0.5, "temperature": 1},
    "tinybert": {"lambda": 0.5},
    "fitnet+msd": {"beta": 10},
}
KEPT |= {"msd-instance": {"lambda": 0.5, "temperature": 1}}


@pytest.fixture(autouse=True)
def speeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gpu-quick.md").write_text(SPEEDS)
    monkeypatch.setattr(priced, "SPEEDS", tmp_path / "gpu-quick.md")


def paper(dataset: str, **changes: object) -> Study:
    content = yaml.safe_load(Path("config/paper.yaml").read_text())
    content["datasets"] = {dataset: content["datasets"][dataset]}
    content |= {"methods": KEPT, "report": content["report"] | {"best_of": ["msd-instance"], "learned": None}}
    return Study.model_validate({**content, **changes})


def test_hours_are_samples_over_the_speed_of_the_model_its_views_and_its_batch() -> None:
    samples = 10 * 529_527  # ten epochs
    lines = gpu_hours(paper("snli-ve"))
    plain, with_views = samples / 4000 / 3600, samples / 2500 / 3600
    measured = 5 * (2 * plain + with_views)  # five seeds of finetune and kd, and of msd-instance
    live = samples * (1 / 4000 + 1 / (3 * 2000)) / 3600  # tinybert runs the teacher forward, too
    stated = 5 * (live + with_views)
    teachers = 3 * samples / 2000 / 3600
    assert [line.split() for line in lines[1:4]] == [
        f"snli-ve 3 teachers of 5,295,270 samples, 2,000 to 2,000 a second (stated): {teachers:,.1f} h".split(),
        f"snli-ve 15 students of 5,295,270 samples, 2,500 to 4,000 a second (measured): {measured:,.1f} h".split(),
        f"snli-ve 10 students of 5,295,270 samples, 2,400 to 2,500 a second (stated): {stated:,.1f} h".split(),
    ]
    assert lines[0].startswith(f"GPU-hours, {teachers + measured + stated:,.0f} of one NVIDIA Quick,")


def test_what_was_not_measured_is_stated_by_the_slower_row_or_left_open() -> None:
    teachers = gpu_hours(paper("hateful-memes"))[1]
    assert re.search(r"3 teachers of +170,000 samples, 1,000 to 1,000 a second \(stated\): 0\.1 h", teachers)
    content = yaml.safe_load(Path("config/paper.yaml").read_text())
    larger = paper("hateful-memes", student=content["student"] | {"model": "tinybert-6l-768"})
    assert "25 students of    85,000 samples, never measured: ?" in gpu_hours(larger)[2]
    assert gpu_hours(paper("hateful-memes", engine={"device": "cpu"})) == []
    assert gpu_hours(load_study("config/demo.yaml")) == []  # of no published size


def test_the_paper_s_study_is_planned_before_a_licence_is_accepted(fresh_project: Path) -> None:
    file = Path("config/paper.yaml")
    few = {"methods": {name: KEPT[name] for name in ("finetune", "kd")}, "seeds": 1, "search_seeds": None}
    content = yaml.safe_load(file.read_text()) | few  # Snakemake takes half a minute for all of its jobs
    content["teacher"]["seeds"] = 1
    content["report"] |= {"best_of": ["kd"], "learned": None}
    file.write_text(yaml.safe_dump(content))
    text = plan("config/paper.yaml")
    assert "hateful-memes: 1 teacher, 2 students of 2 methods" in text
    assert re.search(r"GPU-hours, \d+ of one NVIDIA Quick", text)
    assert re.search(r"  vqa-v2 +50,498\.4 MB mmf-coco: 123,287 pictures", text)
    assert re.search(r"  mm-imdb +\? MB +to fetch", text)
    assert "then write `accept_licenses: [hateful-memes, snli-ve, visualbert-base]`" in text


def test_each_job_takes_its_part_of_the_hours(monkeypatch: pytest.MonkeyPatch) -> None:
    study = paper("snli-ve")
    seconds = gpu_seconds(study, "snli-ve")
    assert {stage: len(jobs) for stage, jobs in seconds.items()} == {"teacher": 3, "teacher_outputs": 3, "student": 25}
    assert f"{sum(map(sum, (seconds['teacher'], seconds['student']))) / 3600:,.0f} of one" in gpu_hours(study)[0]
    assert sum(seconds["teacher_outputs"]) == pytest.approx(sum(seconds["teacher"]) / 10)  # one epoch of ten
    monkeypatch.setattr(priced, "SPEEDS", Path("/dev/null"))
    with pytest.raises(ValueError, match="nobody measured how long a teacher of snli-ve takes"):
        gpu_seconds(study, "snli-ve")
