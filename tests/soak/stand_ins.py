"""Arithmetic in place of data and models: each stage of a study writes a few whole numbers made of those it reads.

Every file that a job writes holds the same JSON. tests/soak/expected.py computes from the study's YAML alone what the
tables hold in the end.
"""

import json
import os
import select
import signal
import socket
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from msd import job
from msd.config.contracts.tables import CHOSEN
from msd.job import Job
from msd.lineage.digest import module_digests
from msd.running import run_job
from msd.system.temporary import paths_of

Content = dict[str, Any]


def code(text: str) -> int:
    """A number of a name."""
    return zlib.crc32(text.encode()) % 1000


def point_number(parameters: Mapping[str, Any]) -> int:
    """A number of a method's parameters, which grows with none of them."""
    return sum(code(f"{name} {value}") for name, value in parameters.items()) ** 2 % 9973


def student_number(seed: int, parameters: Mapping[str, Any], *, teacher: int, saliency: int, others: int) -> int:
    """A student's number; `others`: what it has of the teacher's model, of another student and of transfer."""
    return (seed + 1) * teacher + 3 * saliency + point_number(parameters) + others


def contents(job: Job, name: str) -> list[Content]:
    """What the files of an input hold."""
    return [json.loads(Path(path).read_text()) for path in paths_of({name: job.inputs[name]})]


def number(job: Job, name: str) -> int:
    """That of the one file of an input."""
    [content] = contents(job, name)
    return int(content["number"])


def of_teachers(job: Job, name: str) -> dict[int, int]:
    """Number of each teacher's file, by the teacher's seed; files come in the order of the seeds that they serve."""
    numbers = [content["number"] for content in contents(job, name)]
    return dict(zip(dict.fromkeys(job.params.teachers), numbers, strict=True))


def fetch(job: Job) -> Content:
    return {"number": code(job.params.name)}


def prepare(job: Job) -> Content:
    [raw] = {content["number"] for content in contents(job, "files")}
    return {"number": raw + code(job.params.name)}


def tokenizer(job: Job) -> Content:
    return {"number": number(job, "encoder")}


def features(job: Job) -> Content:
    return {"number": 2 * number(job, "pictures") + number(job, "weights")}


def teacher(job: Job) -> Content:
    data = number(job, "train") + 5 * number(job, "regions") + 7 * number(job, "encoder")
    return {"number": data + 100 * (job.params.seed + 1)}


def teacher_outputs(job: Job) -> Content:
    pairs = number(job, "transfer") if "transfer" in job.inputs else 0
    return {"number": 2 * number(job, "model") + pairs}


def saliency(job: Job) -> Content:
    pairs = "transfer" in job.inputs
    outputs = number(job, "transfer_outputs" if pairs else "train_outputs")
    return {"number": outputs + code(job.params.measure) + (number(job, "transfer") if pairs else 0)}


def transfer(job: Job) -> Content:
    return {"number": number(job, "train") + 13 * job.params.pairs}


def student(job: Job) -> Content:
    parameters = job.params.parameters
    if job.params.variant == CHOSEN:
        [choice] = contents(job, "choice")
        parameters = choice["parameters"]
    outputs, moves = of_teachers(job, "train_outputs"), of_teachers(job, "saliency")
    extra = [name for name in ("teacher_model", "transfer_outputs", "transfer_saliency") if name in job.inputs]
    added = [of_teachers(job, name) for name in extra]
    [scratch] = contents(job, "teacher_students") if "teacher_students" in job.inputs else [{"seeds": {}}]
    seeds = {}
    for seed, teacher in zip(job.params.seeds, job.params.teachers, strict=True):
        others = sum(numbers[teacher] for numbers in added) + scratch["seeds"].get(str(seed), 0)
        about = {"teacher": outputs[teacher], "saliency": moves[teacher], "others": others}
        seeds[seed] = student_number(seed, parameters, **about)
    return {"number": sum(seeds.values()), "seeds": seeds, "variant": job.params.variant, "parameters": parameters}


def choose(job: Job) -> Content:
    """The point with the largest sum over the searching seeds, the first one of equals."""
    runs = contents(job, "runs")
    sums: dict[str, int] = {}
    for run in runs:
        if run["variant"] != CHOSEN:
            known = [value for seed, value in run["seeds"].items() if int(seed) in job.params.search_seeds]
            sums[run["variant"]] = sums.get(run["variant"], 0) + sum(known)
    best = max(sums, key=sums.__getitem__)
    parameters = next(run["parameters"] for run in runs if run["variant"] == best)
    return {"number": sums[best], "variant": best, "parameters": parameters}


def collect(job: Job) -> Content:
    chosen = choose(job)
    own = [run for run in contents(job, "runs") if run["variant"] in (chosen["variant"], CHOSEN)]
    assert all(run["parameters"] == chosen["parameters"] for run in own)
    values = {seed: value for run in own for seed, value in run["seeds"].items()}
    return chosen | {"cell": f"{job.params.dataset}/{job.params.method}", "seeds": values}


def tables(job: Job) -> Content:
    cells = contents(job, "cells")
    return {"number": len(cells), "cells": {cell["cell"]: [cell["variant"], cell["seeds"]] for cell in cells}}


STAGES = (fetch, prepare, tokenizer, features, teacher, teacher_outputs, saliency, transfer, student, choose, collect)
STAND_INS = {stage.__name__: stage for stage in (*STAGES, tables)}


def stand_in(task: Job) -> dict[str, float]:
    """Stage: what the stand-in of the rule says, in every output but the metrics and the record."""
    known = STAND_INS.get(task.rule)
    content = {"number": 0} if known is None else known(task)  # a number that nothing reads
    for path in paths_of({name: value for name, value in task.outputs.items() if name not in ("metrics", "record")}):
        Path(path).write_text(json.dumps(content))
    return {"number": content["number"]}


CLIENT = """
import os, socket, sys

with socket.socket(socket.AF_UNIX) as to_server:
    to_server.connect({address!r})
    to_server.sendall("\\0".join([os.getcwd(), *sys.argv[1:]]).encode())
    to_server.shutdown(socket.SHUT_WR)
    answer = to_server.makefile().read()
sys.exit(int(answer or 1))
"""
"""`__main__.py` of the package of jobs that a server runs, so that none of them has to import what they all share."""


def serve(address: str) -> None:
    """Run each job that a client asks for by a process of its own, with the real job runner, while our parent lives."""
    module_digests([module.partition(":")[0] for module, _ in job.STAGES.values()])  # remembered by all jobs
    for rule, (_, contract) in list(job.STAGES.items()):
        job.STAGES[rule] = ("stand_ins:stand_in", contract)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # children that end leave nothing
    parent = os.getppid()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address)
        listening.listen(64)
        while os.getppid() == parent:
            if not select.select([listening], [], [], 1.0)[0]:
                continue
            client, _ = listening.accept()
            if os.fork() == 0:
                _answer(client)
            client.close()


def _answer(client: socket.socket) -> NoReturn:
    status = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        folder, command, *arguments = client.makefile().read().split("\0")
        os.chdir(folder)
        status = run_job.main(*arguments) if command == "stage" else 0  # `msd track` has its own tests
    finally:
        client.sendall(str(status).encode())
        client.close()
        os._exit(status)
