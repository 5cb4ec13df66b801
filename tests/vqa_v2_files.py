"""Archives of VQA v2 in the published layout, of pictures and people that never were."""

import io
import json
from typing import Any

from PIL import Image

NUMBERS = ["1"] * 4 + ["one"] * 3 + ["2"] * 2 + ["none"]
PARTS = {"train2014": "Train", "val2014": "Val"}
Files = dict[str, dict[str, bytes]]


def answers_of(picture: int) -> list[tuple[str, str, list[str], str]]:
    colour, agreed = ("red", "yes") if picture % 2 else ("blue", "no")
    return [
        ("What\ncolor is it?", colour, [colour] * 7 + [f"light {colour}"] * 2 + [f"Dark {colour}"], "other"),
        ("Is it a cat?", agreed, [agreed] * 10, "yes/no"),
        ("How many are there?", "1", NUMBERS, "number"),
    ]


def jpeg(picture: int) -> bytes:
    buffer = io.BytesIO()
    mode, colour = ("L", 90) if picture == 26 else ("RGB", (250, 10, 10))
    Image.new(mode, (64, 48), colour).save(buffer, "JPEG")  # type: ignore[arg-type]
    return buffer.getvalue()


def published(subset: str, pictures: list[int]) -> Files:
    """The three archives of a subset, of three questions on each picture: name -> member -> content."""
    questions: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for picture in pictures:
        for index, (text, main, answers, kind) in enumerate(answers_of(picture)):
            ids = {"image_id": picture, "question_id": picture * 1000 + index}
            questions.append(ids | {"question": text})
            given = [
                {"answer": answer, "answer_confidence": ("yes", "maybe", "no")[place % 3], "answer_id": place + 1}
                for place, answer in enumerate(answers)
            ]
            kinds = {"question_type": "none of the above", "answer_type": kind}
            annotations.append(ids | kinds | {"multiple_choice_answer": main, "answers": given})
    about = {"info": {"version": "2.0"}, "license": {}, "data_type": "mscoco", "data_subtype": subset}
    text = about | {"task_type": "Open-Ended", "questions": questions}
    name = f"{subset}/COCO_{subset}_{{:012d}}.jpg"
    return {
        f"v2_Questions_{PARTS[subset]}_mscoco.zip": {
            f"v2_OpenEnded_mscoco_{subset}_questions.json": json.dumps(text).encode()
        },
        f"v2_Annotations_{PARTS[subset]}_mscoco.zip": {
            f"v2_mscoco_{subset}_annotations.json": json.dumps(about | {"annotations": annotations}).encode()
        },
        f"{subset}.zip": {name.format(picture): jpeg(picture) for picture in pictures},
    }
