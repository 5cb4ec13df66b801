"""Stage `generality`: whether Algorithm 1 finds the channels that table 2's data are known to share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import torch

from msd.mfh.gaussian.data import draw_run
from msd.mfh.gaussian.settings import table2_setting
from msd.mfh.generality import JointTraining, channel_generality

if TYPE_CHECKING:
    from msd.job import Job


def recovery(job: Job) -> dict[str, float]:
    """Write outputs["channels"]: setting, seed, channel, score, rank, shared; returns the share found of each γ."""
    torch.set_num_threads(1)
    table2, training = job.params["table2"], JointTraining(**job.params["training"])
    parts = []
    for counts in table2["channels"]:
        setting = table2_setting(*counts)
        samples = [draw_run(setting, seed, train=job.params["train"], test=1).teacher for seed in table2["seeds"]]
        first, second, labels = (torch.stack([getattr(item, name) for item in samples]) for name in samples[0]._fields)
        found = channel_generality(first, second, labels.long(), training=training)
        ranks = found.ranking.argsort(dim=-1)
        shared = set(setting.channels("general"))
        for seed, scores, places in zip(table2["seeds"], found.score, ranks, strict=True):
            columns = {"channel": range(len(scores)), "score": scores, "rank": places}
            part = pd.DataFrame(columns).assign(setting=setting.value, seed=seed)
            parts.append(part.assign(shared=part["channel"].isin(shared)))
    frame = pd.concat(parts, ignore_index=True)
    frame.to_parquet(job.outputs["channels"], index=False)
    counts_of = frame.groupby(["setting", "seed"])["shared"].transform("sum")
    hits = frame[frame["shared"]].assign(found=frame["rank"] < counts_of).groupby("setting")["found"].mean()
    return {f"found/{value:.2f}": float(share) for value, share in zip(hits.index.to_list(), hits, strict=True)}
