"""Names that become files: whose results a folder holds, blocks of seeds, and what is no name."""

import itertools
import json
import os
import shutil
from pathlib import Path

import pytest
import yaml

from msd.config.names import LONGEST, block_name
from msd.errors import UserError
from msd.studies import check_owners, open_study

SMOKE = "config/smoke.yaml"


@pytest.fixture(autouse=True)
def _own_config(working_folder: Path) -> None:
    shutil.copytree(Path(__file__).parents[2] / "config", "config")


def recorded(study: str, file: str) -> None:
    folder = Path(f"results/{study}/config")
    folder.mkdir(parents=True)
    (folder / "record.json").write_text(json.dumps({"params": {"file": file}}))


def changed(path: str, **keys: object) -> str:
    Path(path).write_text(yaml.safe_dump(yaml.safe_load(Path(SMOKE).read_text()) | keys, sort_keys=False))
    return path


def test_the_results_of_another_file_are_not_overwritten(working_folder: Path) -> None:
    recorded("smoke", SMOKE)
    check_owners(open_study(SMOKE))
    check_owners(open_study(f"./{SMOKE}"))
    check_owners(open_study(working_folder / SMOKE))
    copies = [shutil.copy(SMOKE, place) for place in ("config/copy.yaml", "smoke.yaml", "config/smoke.yml")]
    for copy in copies:
        sentence = rf"{copy}: results/smoke holds the results of {SMOKE}; .* `snakemake --config overwrite=true`"
        with pytest.raises(UserError, match=sentence):
            check_owners(open_study(copy))
    check_owners(open_study(copies[0], {"study": "copy"}))
    recorded("other", "gone.yaml")
    with pytest.raises(UserError, match=f"{SMOKE}: results/other holds the results of gone.yaml"):
        check_owners(open_study(SMOKE, {"study": "other"}))


def test_a_copy_is_refused_before_there_are_results(working_folder: Path) -> None:
    copy = shutil.copy(SMOKE, "config/copy.yaml")
    with pytest.raises(UserError, match=rf"{copy}: results/smoke holds the results of {SMOKE}"):
        check_owners(open_study(copy))
    check_owners(open_study(SMOKE))
    both = changed("config/one.yaml", study="two-of-a-kind"), changed("config/two.yaml", study="two-of-a-kind")
    for one, other in (both, both[::-1]):
        with pytest.raises(UserError, match=rf"{one}: results/two-of-a-kind holds the results of {other}"):
            check_owners(open_study(one))
    os.link("config/one.yaml", "config/same.yml")
    Path("config/two.yaml").unlink()
    check_owners(open_study("config/one.yaml"))


def test_the_teachers_of_a_hypothesis_are_of_the_file_that_it_names() -> None:
    mfh = yaml.safe_load(Path("config/mfh.yaml").read_text())
    mfh["teachers"]["study"] = shutil.copy("config/demo.yaml", "demo.yaml")
    Path("config/mfh.yaml").write_text(yaml.safe_dump(mfh))
    recorded("demo", "config/demo.yaml")
    with pytest.raises(UserError, match=r"demo.yaml: results/demo holds the results of config/demo.yaml"):
        check_owners(open_study("config/mfh.yaml"))


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"params": []}', '{"params": {"study": "smoke"}}'])
def test_a_record_that_names_no_file_keeps_nobody_out(content: str) -> None:
    recorded("smoke", SMOKE)
    Path("results/smoke/config/record.json").write_text(content)
    shutil.move(SMOKE, "renamed.yaml")
    check_owners(open_study("renamed.yaml"))


@pytest.mark.parametrize("study", ["data", "published", "../x", "Smoke", "a/b", "", "-a", "a\n", "x" * 101, "é"])
def test_what_is_no_name_of_a_study_is_refused(study: str) -> None:
    with pytest.raises(UserError, match=r"config/smoke.yaml:\d+: study: "):
        open_study(SMOKE, {"study": study})


@pytest.mark.parametrize("kind", ["datasets", "encoders", "methods"])
def test_a_copied_file_with_the_name_of_another_one_is_refused(kind: str) -> None:
    name = {"datasets": "clipart-tags", "encoders": "minilm-l6", "methods": "kd"}[kind]
    shutil.copy(f"config/{kind}/{name}.yaml", f"config/{kind}/copy.yaml")
    study = {
        "datasets": {"datasets": {"copy": {}}},
        "encoders": {},
        "methods": {"methods": {"finetune": {}, "copy": {}}},
    }
    if kind == "encoders":
        study["encoders"] = {"data": yaml.safe_load(Path(SMOKE).read_text())["data"] | {"text_encoder": "copy"}}
    with pytest.raises(UserError, match=rf"config/{kind}/copy.yaml: name: '{name}' is not .* write `name: copy`"):
        open_study(SMOKE, study[kind])


@pytest.mark.parametrize("name", ["encoders", "logs", "Tags", "a_b", "../datasets/easy-vqa", "x" * 101])
def test_a_dataset_has_a_name_that_its_folder_can_have(name: str) -> None:
    text = Path("config/datasets/clipart-tags.yaml").read_text()
    Path(f"config/datasets/{name}.yaml").write_text(text.replace("name: clipart-tags", f"name: {name}", 1))
    with pytest.raises(UserError, match="cannot be a dataset's name"):
        open_study(SMOKE, {"datasets": {name: {}}})


def test_the_files_of_two_runs_have_two_names_of_a_length_that_files_may_have() -> None:
    for name in ("clipart", "clipart-tags"):
        text = Path("config/datasets/clipart-tags.yaml").read_text()
        Path(f"config/datasets/{name}.yaml").write_text(text.replace("name: clipart-tags", f"name: {name}", 1))
    kd = Path("config/methods/kd.yaml").read_text()
    Path("config/methods/tags-kd.yaml").write_text(kd.replace("name: kd", "name: tags-kd", 1))
    methods = {"finetune": {}, "kd": {}, "tags-kd": {}, "msd-instance": {}}
    with pytest.raises(UserError, match=r"runs clipart/tags-kd/.* and clipart-tags/kd/.* one name; rename"):
        open_study(SMOKE, {"datasets": {"clipart": {}, "clipart-tags": {}}, "methods": methods})
    name = "x" * 100
    Path(f"config/methods/{name}.yaml").write_text(kd.replace("name: kd", f"name: {name}", 1))
    long = {"lambda": [0.1234567890123456, 0.2], "temperature": [1.234567890123456, 2]}
    tags = Path("config/datasets/clipart-tags.yaml").read_text().replace("name: clipart-tags", f"name: {name}", 1)
    Path(f"config/datasets/{name}.yaml").write_text(tags)
    open_study(SMOKE, {"methods": {"finetune": {}, "kd": {}, "msd-instance": {}, name: long}})
    with pytest.raises(UserError, match=rf"of a run is too long for a file, which may have {LONGEST} bytes"):
        open_study(
            SMOKE, {"methods": {"finetune": {}, "kd": {}, "msd-instance": {}, name: long}, "datasets": {name: {}}}
        )


@pytest.mark.parametrize(
    ("file", "change"),
    [
        (f"config/{'x' * 300}.yaml", {}),
        (SMOKE, {"methods": {"x" * 300: {}}}),
        ("config/mfh.yaml", {"crossmodal": {"mm-imdb": "x" * 300}}),
    ],
)
def test_a_name_that_no_file_can_have_is_of_no_file(file: str, change: dict) -> None:
    with pytest.raises(UserError, match=r"there is no (file|method|folder) "):
        open_study(file, change)


def test_blocks_of_seeds_have_names_that_tell_any_two_apart() -> None:
    names = {(0, 1, 2): "seeds-0-2", (7,): "seeds-7-7", (0, 5, 1): "seeds-0_5_1", (2, 5, 6, 7): "seeds-2_5-7"}
    assert {block: block_name(list(block)) for block in names} == names
    blocks = [block for size in range(1, 6) for block in itertools.permutations(range(5), size)]
    assert len({block_name(list(block)) for block in blocks}) == len(blocks)
    long = [[*range(0, 2000, 2)], [*range(0, 1998, 2), 1999], [2**62 - 2 * number for number in range(9)]]
    assert len({block_name(block) for block in long}) == 3
    assert max(len(block_name(block)) for block in long) < 80
