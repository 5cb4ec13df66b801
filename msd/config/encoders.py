"""Whether a study's encoders can do what it asks of them."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

from msd.errors import UserError

if TYPE_CHECKING:
    from msd.config.sections import Student, Teacher
    from msd.config.study import Study


def check_encoders(study: Study) -> None:
    """Raise UserError where an encoder is of the wrong kind, or too small for the study's regions or a teacher."""
    kinds = {
        "a dataset": {*study.dataset_configs},
        "an encoder": {*study.encoder_configs},
        "a model": {*study.model_configs},
    }
    for (one, those), (other, others) in itertools.combinations(kinds.items(), 2):
        both = sorted(those & others)
        if both:
            raise UserError(f"{both[0]!r} is the name of {one} and of {other}; rename one of their files")
    text = study.encoder_configs[study.data.text_encoder]
    if text.layers is None:
        raise UserError(f"data.text_encoder: {text.name} is no text encoder")
    for dataset in study.dataset_configs:
        _check_regions(study, dataset)
        student: Student = study.training("student", dataset)
        if student.words == "pca" and student.width is not None and student.width > text.dims:
            raise UserError(
                f"student.words: the students of {dataset} are {student.width} wide, but {text.name} has {text.dims} "
                "principal components; write `words: scratch`"
            )
        teacher: Teacher = study.training("teacher", dataset)
        if teacher.layers is None or teacher.model is not None:
            continue  # check_models looks at it
        sizes = (teacher.width, teacher.heads, teacher.feed_forward)
        if teacher.layers > text.layers or sizes != (text.dims, text.heads, text.feed_forward):
            own = "{} layers of width {} with {} heads and feed_forward {}"
            raise UserError(
                f"the teacher of {dataset} has {own.format(teacher.layers, *sizes)}; {text.name} gives at most "
                f"{own.format(text.layers, text.dims, text.heads, text.feed_forward)}"
            )


def _check_regions(study: Study, dataset: str) -> None:
    image, wanted, own = study.extractor(dataset), study.data.regions, study.datasets[dataset].extractor
    if not image.sees:
        key = "data" if own is None else f"datasets.{dataset}"
        raise UserError(f"{key}.extractor: {image.name} reads no pictures")
    given = image.regions(study.dataset_configs[dataset].size)
    if wanted**2 > given:
        has = f"{given} boxes" if image.boxes else f"{math.isqrt(given)} regions a side"
        than = f"{wanted}² boxes" if image.boxes else str(wanted)
        raise UserError(f"data.regions: {image.name} gives {has} for {dataset}, fewer than {than}")
