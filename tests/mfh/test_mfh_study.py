"""The study file of the Modality Focusing Hypothesis: the paper's settings, and one sentence for each fault."""

from pathlib import Path

import pytest
from faults import changed_yaml, one_sentence

from msd.mfh.crossmodal.config import read_config
from msd.mfh.gaussian.settings import settings
from msd.mfh.gaussian.table import printed
from msd.mfh.study import MfhStudy
from msd.studies import open_study

MFH = Path("config/mfh.yaml")


def test_the_study_has_the_settings_and_seeds_of_the_paper() -> None:
    study = open_study(MFH)
    assert isinstance(study, MfhStudy)
    published = study.report_params().published
    found: dict[str, list[float]] = {}
    for setting, seeds in settings(study.gaussian.experiments):
        label = printed(setting.value, published[setting.experiment].values)
        found.setdefault(setting.experiment, []).append(label)
        assert seeds == list(range(42, 52) if setting.fresh else range(10))
    assert found == {
        "exp1": [0, 0.11, 0.25, 0.43, 0.67, 1],
        "exp2": [0, 0.5, 0.667, 0.75, 0.8],
        "table2": [0.25, 0.33, 0.5, 0.66, 0.75],
    }
    assert study.gaussian.kl == "batch-and-classes"
    assert "16 settings × 10 runs" in study.summary()[0]
    assert "2480 students of one modality: 4 datasets × 62 × 10 seeds" in study.summary()[2]


def test_seeds_are_dealt_to_all_teachers_of_a_dataset_in_turn() -> None:
    teachers = open_study(MFH).teachers
    assert teachers.msd.teacher_seeds("easy-vqa") == [0, 1]
    assert teachers.students_params("easy-vqa", "text").teachers == [0, 1] * 5
    assert [teachers.variants_params("easy-vqa", teacher).seeds for teacher in (0, 1)] == [
        [0, 2, 4, 6, 8],
        [1, 3, 5, 7, 9],
    ]
    assert {tuple(about.teachers) for about in teachers.table_params().datasets} == {(0, 1) * 5}


def test_the_teachers_of_the_paper_s_study_are_asked_alike(tmp_path: Path) -> None:
    steps = {"hateful-memes": 1000, "mm-imdb": 1000, "snli-ve": 2000, "vqa-v2": 2000}
    own = {"study": "config/paper.yaml", "datasets": steps}
    study = open_study(changed_yaml(MFH, tmp_path / "mfh.yaml", lambda content: content["teachers"].update(own)))
    assert isinstance(study, MfhStudy)
    assert study.teachers is not None
    given = [study.teachers.variants_params(name, 0) for name in steps]
    assert [(one.dataset, one.dataset_task, one.metric) for one in given] == [
        ("hateful-memes", "binary", "auroc"),
        ("mm-imdb", "multilabel", "micro_ap"),
        ("snli-ve", "multiclass", "accuracy"),
        ("vqa-v2", "vqa", "accuracy"),
    ]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda c: c.update(kind="mhf"), r"no kind of study 'mhf'; did you mean 'mfh'\?"),
        (lambda c: c["gaussian"].update(kl="mean"), r":\d+: gaussian.kl: .*'batch-and-classes'"),
        (lambda c: c["gaussian"].update(rums=3), r"unknown key 'gaussian.rums'; did you mean 'runs'\?"),
        (lambda c: c["gaussian"]["exp1"].update(shared=[2, 2]), r"exp1.shared: a value is given twice: \[2, 2\]"),
        (lambda c: c["gaussian"]["exp1"].update(shared=[11]), r"exp1.shared.*less than or equal to 10"),
        (lambda c: c["gaussian"]["table2"].update(channels=[[10, 0]]), r"at least one channel is shared"),
        (lambda c: c["gaussian"]["table2"].update(channels=[[45, 6]]), r"both together are ≤ 50"),
        (lambda c: c["gaussian"]["table2"].update(channels=[[5, 5], [9, 9]]), r"two settings have the same γ"),
        (lambda c: c["teachers"].update(shares=[0.5, 0.5]), r"teachers.shares: a value is given twice"),
        (lambda c: c["teachers"].update(shares=[0, 0.5]), r"teachers.shares.0: Input should be greater than 0"),
        (
            lambda c: c["teachers"].update(datasets={"clipart-tag": 9}),
            r"no dataset 'clipart-tag'; did .* 'clipart-tags'",
        ),
        (
            lambda c: c.update(accept_licenses=["spoken"]),
            r"'spoken' is no dataset, encoder or model .*; did .* 'spoken-digits'",
        ),
        (
            lambda c: c["teachers"].update(study="config/demo-full.yaml", seeds=[0, 1, 2]),
            r"teachers.seeds: clipart-tags has 4 teachers in config/demo-full.yaml, .* give as many seeds, not 3",
        ),
        (lambda c: c["teachers"].update(study="config/demos.yaml"), r"no file config/demos.yaml; did you mean"),
        (lambda c: c["teachers"]["student"].update(kd_weigth=1), r"'teachers.student.kd_weigth'; did .* 'kd_weight'"),
    ],
)
def test_a_fault_is_one_sentence(tmp_path: Path, change, sentence: str) -> None:
    path = changed_yaml(MFH, tmp_path / "study.yaml", change)
    with one_sentence(rf"study\.yaml.*{sentence}"):
        open_study(path)


def test_a_data_set_of_a_user_is_known_by_its_file(tmp_path: Path) -> None:
    study = open_study(MFH, {"crossmodal": {"nyu-depth-v2": str(tmp_path)}})
    assert isinstance(study, MfhStudy)
    params = study.crossmodal_params("nyu-depth-v2")
    assert params.folder == str(tmp_path)
    assert params.metric == "miou"
    assert study.report_params().crossmodal["nyu-depth-v2"].not_known
    assert study.resolved()["crossmodal_files"]["nyu-depth-v2"]["data"]["reader"] == "nyu-depth"
    with one_sentence(r"no data set 'nyu-depth'; did you mean 'nyu-depth-v2'\?"):
        open_study(MFH, {"crossmodal": {"nyu-depth": str(tmp_path)}})
    with one_sentence(r"crossmodal.nyu-depth-v2: there is no folder .*/nowhere"):
        open_study(MFH, {"crossmodal": {"nyu-depth-v2": f"{tmp_path}/nowhere"}})


@pytest.mark.parametrize(
    ("student", "sentence"),
    [
        ({"video": "resnet18"}, r"ravdess has no modality 'video'"),
        ({"image": "resnet19"}, r"there is no network 'resnet19'; did you mean 'resnet18'\?"),
        ({"image": "resnet18-maps"}, r"'resnet18-maps' does not fit ravdess"),
        ({}, r"at least 1"),
    ],
)
def test_what_a_student_cannot_read_or_be_is_named(tmp_path: Path, student: dict[str, str], sentence: str) -> None:
    path = tmp_path / "ravdess.yaml"
    changed_yaml("config/crossmodal/ravdess.yaml", path, lambda content: content.update(student=student))
    with one_sentence(sentence):
        read_config(path)
