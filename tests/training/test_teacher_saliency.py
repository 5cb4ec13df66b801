"""A trained teacher's saliency says which modality its labels came from."""

import pytest
import torch
from small_study import new_engine

from msd.config.contracts.training import Schedule
from msd.distill.method import Method, Setting
from msd.distill.saliency import modality_saliency
from msd.models.predict import predict
from msd.models.split import Split
from msd.models.views import VIEWS
from msd.models.visualbert import VisualBertClassifier
from msd.training.descent import train
from msd.training.history import History

SIZE, CLASSES = 240, 3
SHAPE = {"layers": 1, "width": 16, "heads": 2, "feed_forward": 32, "dropout": 0.0, "pool": "modality-means"}
SCHEDULE = Schedule(epochs=6, batch_size=16, learning_rate=5e-3, weight_decay=0.01, warmup=0.1, clip=1.0)


@pytest.mark.parametrize(("source", "other"), [("text", "image"), ("image", "text")])
def test_the_modality_that_the_labels_come_from_is_the_salient_one(source: str, other: str) -> None:
    generator = torch.Generator().manual_seed(0)
    labels, noise = torch.randint(0, CLASSES, (2, SIZE), generator=generator)
    classes = {source: labels, other: noise}
    filler = torch.randint(10, 20, (SIZE, 2), generator=generator)
    ends = torch.tensor([2, 3]).expand(SIZE, 2)  # [CLS] and [SEP]
    tokens = torch.cat((ends[:, :1], 5 + classes["text"][:, None], filler, ends[:, 1:]), dim=1)
    regions = torch.randn(SIZE, 4, 6, generator=generator)
    regions[:, :, :CLASSES] += 2 * torch.eye(CLASSES)[classes["image"]][:, None]
    samples = Split(tokens, torch.full((SIZE,), 5), torch.arange(SIZE), regions, labels)
    torch.manual_seed(0)
    teacher = VisualBertClassifier({"vocabulary": 20, "labels": CLASSES, "region_width": 6, "positions": 8, **SHAPE})

    method = Method({}, Setting("toy", 0, "multiclass", samples, teacher))
    train(method, name="teacher", schedule=SCHEDULE, history=History(), validate=dict, engine=new_engine())
    answers = {view: predict(teacher, samples, view)[0] for view in VIEWS}

    assert (answers["both"].argmax(1) == labels).float().mean() > 0.9
    saliency = modality_saliency(answers, task="multiclass")
    assert saliency[source].mean() > 5 * saliency[other].mean()
