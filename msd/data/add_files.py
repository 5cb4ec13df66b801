"""The files that `msd data add` writes: a dataset and a study of it, as a person would."""

import json
from collections.abc import Mapping
from typing import Any

import yaml

from msd.data.prepared import Prepared
from msd.data.readers.table import Parameters

EPOCHS = {"student": (40_000, 12), "teacher": (20_000, 5)}
"""Role -> samples to train on, and the most passes over them; at least two."""
LENGTHS = (32, 64, 128, 256)
"""Word pieces to which texts may be cut."""

TERMS = {"licence": {"name": "not stated"}, "citation": "not stated"}

DATASET = """\
# Written by `msd data add`. Title, licence and citation are yours to say.
name: {name}
title: {title}
task: {task}
metric: {metric} # {why}
labels: {labels}
module: table # msd/data/readers/table.py
sources:
  - kind: manual # data/{plain}/{plain}.zip, which is not in git
    file: {file}
    sha256: {sha256}
    bytes: {bytes}
{terms}
prepare:
{prepare}
"""

STUDY = """\
# yaml-language-server: $schema=schema/study.json
# Written by `msd data add`: fine-tuning, distillation and MSD on one dataset.
#   snakemake --configfile config/{plain}-study.yaml
study: {study}
title: {title}
seeds: 3
seeds_per_job: 3 # one job trains all seeds of a configuration, so that it reads its inputs once
data_root: data

datasets:
  {name}: {{}}

methods: # config/methods/<name>.yaml says what each is; a list of values is a grid, whose point validation chooses
  finetune: {{}}
  kd: {{lambda: 0.5, temperature: 2}}
  msd-uniform: {{lambda: 0.5, temperature: 2}}
  msd-population: {{lambda: 0.5, temperature: 2}}
  msd-instance: {{lambda: 0.5, temperature: 2}}
  msd-learned: {{lambda: 0.5, temperature: 2, meta_every: 4}}
  msd-swapped-weights: {{lambda: 0.5, temperature: 2}} # control

data:
  extractor: efficientnet-lite0
  text_encoder: minilm-l6
  regions: 2
  max_tokens: {tokens} # a twentieth of the texts has more than {words} words
  removal: mask

saliency: {{measure: kl}}

teacher:
  seeds: 2
  layers: 3
  width: 384
  heads: 12
  feed_forward: 1536
  dropout: 0.1
  pool: modality-means
  epochs: {teacher} # fewer for more samples
  batch_size: 32
  learning_rate: 2.0e-3
  pretrained_learning_rate: 1.0e-4
  weight_decay: 0.01
  warmup: 0.1
  clip: 1.0

student:
  words: pca
  layers: 2
  width: 128
  heads: 2
  feed_forward: 128
  dropout: 0
  pool: modality-means
  epochs: {student} # fewer for more samples
  batch_size: 32
  learning_rate: 2.0e-3
  weight_decay: 0.01
  warmup: 0.1
  clip: 1.0

report:
  baseline: kd
  from_scratch: finetune
  best_of: [msd-uniform, msd-population, msd-instance, msd-learned]
  draws: 2000
  learned: msd-learned
"""


def dataset_file(
    about: Mapping[str, str], source: Mapping[str, Any], parameters: Parameters, *, why: str, said: Mapping[str, Any]
) -> str:
    """config/datasets/<name>.yaml.

    about: `name`, `task`, `metric` and `labels`.   source: `sha256` and `bytes` of the archive.   why: that metric.
    said: the title, licence and citation that its former file has.
    """
    name = about["name"]
    terms = {key: said.get(key, unknown) for key, unknown in TERMS.items()}
    values = parameters.model_dump(exclude_none=True)
    return DATASET.format(
        **source,
        name=_quoted(name),
        title=_quoted(said.get("title", name)),
        terms=yaml.safe_dump(terms, allow_unicode=True, sort_keys=False).strip(),
        plain=name,
        file=_quoted(f"{name}.zip"),
        labels=_quoted(about["labels"]),
        task=about["task"],
        metric=about["metric"],
        why=why,
        prepare="\n".join(f"  {key}: {_quoted(value)}" for key, value in values.items()),
    )


def study_file(name: str, prepared: Prepared) -> str:
    """config/<name>-study.yaml: of the demo study's sizes, but for the length of texts and passes over many samples."""
    lengths = sorted(len(sample.text.split()) for own in prepared.splits.values() for sample in own)
    words = lengths[int(0.95 * (len(lengths) - 1))]
    rows = len(prepared.splits["train"])
    return STUDY.format(
        plain=name,
        name=_quoted(name),
        study=_quoted(f"{name}-study"),
        title=_quoted(f"Modality-specific distillation on {name}"),
        words=words,
        tokens=next((length for length in LENGTHS if length >= 1.3 * words + 2), LENGTHS[-1]),
        **{role: max(2, min(most, round(samples / rows))) for role, (samples, most) in EPOCHS.items()},
    )


def _quoted(value: Any) -> str:
    """A value as JSON, which YAML reads as the same whatever it holds."""
    return json.dumps(value, ensure_ascii=False)
