"""What a job costs follows from what earlier ones took, else from its parameters and its data."""

from pathlib import Path

import pytest

from msd.config.study import load_study
from msd.planning.prices import LIBRARIES, PROCESSOR, START, Price, measured, price, requested, training_price


def test_a_job_asks_for_more_than_its_price_and_for_twice_as_much_after_each_failure() -> None:
    first, second, third = (requested(Price(1200, 640), mem_mb=1, runtime=1, attempt=attempt) for attempt in (1, 2, 3))
    assert first == {"mem_mb": 1300, "runtime": 80}
    assert second == {"mem_mb": 2600, "runtime": 160}
    assert third == {"mem_mb": 5200, "runtime": 320}
    assert requested(Price(1, 100), mem_mb=1, runtime=1) == {"mem_mb": 500, "runtime": 10}
    assert requested(None, mem_mb=3000, runtime=600, attempt=2) == {"mem_mb": 6000, "runtime": 1200}


def test_earlier_jobs_of_the_stage_and_dataset_are_the_price(working_folder: Path) -> None:
    folder = working_folder / "results/s/benchmarks/saliency"
    folder.mkdir(parents=True)
    for name, row in {"a-seed-0": "10\t300", "a-seed-1": "20\t500.5", "b-seed-0": "99\t9"}.items():
        (folder / f"{name}.tsv").write_text(f"s\tmax_rss\n{row}\n")
    (folder / "c-seed-0.tsv").write_text("s\tmax_rss\n0.1\t-\n")
    assert measured("saliency", "results/s", "a") == Price(15, 500.5)
    assert price("saliency", {}, {}, "results/s", "a") == Price(15, 500.5)
    assert price("saliency", {}, {}, "results/s", "c") is None, "too short for its memory to be looked at"
    assert measured("teacher", "results/s") is None


def test_a_training_is_priced_by_its_operations_and_its_weights() -> None:
    study = load_study("config/smoke.yaml")
    params = study.teacher_params("clipart-tags", 0)
    # 1 layer, width 384, feed-forward 1536; 32 word pieces and 2 × 2 regions; 25 steps of 32 samples
    weights, tokens, seen = 384 * (4 * 384 + 2 * 1536), 36, 800
    found = training_price(params, 10_000)
    assert found.seconds == pytest.approx(2 * START + 6 * weights * tokens * seen / PROCESSOR)
    assert found == training_price(params, 20_000), "as many steps, whatever there is"
    whole = params.model_copy(update={"schedule": params.schedule.model_copy(update={"max_steps": None})})
    twice = training_price(whole, 20_000).seconds - 2 * START
    assert twice == pytest.approx(2 * (training_price(whole, 10_000).seconds - 2 * START))
    assert found.megabytes > LIBRARIES + 16 * weights / 2**20


def test_a_price_that_waits_for_an_input_says_which() -> None:
    params = load_study("config/smoke.yaml").teacher_params("clipart-tags", 0)
    with pytest.raises(FileNotFoundError, match=r"not/made/train\.parquet"):
        price("teacher", params, {"train": "not/made/train.parquet"}, "results/none")


def test_a_damaged_table_is_left_to_the_job_that_reads_it(tmp_path: Path) -> None:
    (tmp_path / "train.parquet").write_text("no table")
    params = load_study("config/smoke.yaml").teacher_params("clipart-tags", 0)
    assert price("teacher", params, {"train": str(tmp_path / "train.parquet")}, "results/none") is None
