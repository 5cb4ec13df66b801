"""The key reference is what the models say."""

from pathlib import Path

from msd.config.reference import reference


def test_the_written_reference_is_up_to_date() -> None:
    assert Path("config/README.md").read_text() == reference(), (
        "run `python -m msd.config.reference > config/README.md`"
    )


def test_every_key_of_the_demo_is_in_it() -> None:
    text = reference()
    for key in ("seeds_per_job", "teacher.pretrained_learning_rate", "data.removal", "sources.sha256", "parameters"):
        assert f"`{key}`" in text
