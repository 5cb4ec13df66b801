"""Stage `generality`: whether Algorithm 1 finds the channels that table 2's data are known to share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import torch

from msd.mfh.gaussian.data import draw_run
from msd.mfh.gaussian.settings import table2_setting
from msd.mfh.generality import channel_generality

if TYPE_CHECKING:
    from msd.job import Job
    from msd.mfh.gaussian.config import GeneralityParams


def recovery(job: Job[GeneralityParams]) -> dict[str, float]:
    """Write outputs["channels"]: setting, seed, channel, score, rank, shared; returns the share found of each γ."""
    torch.set_num_threads(1)
    params, seeds, parts = job.params, job.params.table2.seeds, []
    for counts in params.table2.channels:
        setting = table2_setting(*counts)
        samples = [draw_run(setting, seed, train=params.train, test=1).teacher for seed in seeds]
        first, second, labels = (torch.stack([getattr(item, name) for item in samples]) for name in samples[0]._fields)
        generality = channel_generality(first, second, labels.long(), training=params.training)
        shared = set(setting.channels("general"))
        for seed, scores, ranks in zip(seeds, generality.score, generality.ranking.argsort(dim=-1), strict=True):
            part = pd.DataFrame({"channel": range(len(scores)), "score": scores, "rank": ranks})
            part = part.assign(setting=setting.value, seed=seed)
            parts.append(part.assign(shared=part["channel"].isin(shared)))
    frame = pd.concat(parts, ignore_index=True)
    frame.to_parquet(job.outputs["channels"], index=False)
    shared_counts = frame.groupby(["setting", "seed"])["shared"].transform("sum")
    hits = frame[frame["shared"]].assign(found=frame["rank"] < shared_counts).groupby("setting")["found"].mean()
    return {f"found/{value:.2f}": float(share) for value, share in zip(hits.index.to_list(), hits, strict=True)}
