"""`msd demo`: a page on this machine where a teacher and its students answer side by side."""

from __future__ import annotations

import base64
import json
import zipfile
from dataclasses import dataclass
from functools import cached_property, partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from PIL import Image

from msd.data.columns import read_columns
from msd.data.pictures import member, open_archive, rgb
from msd.deploy.run import Run, open_run, open_teacher
from msd.deploy.student import Student
from msd.errors import UserError, decoding, nearest
from msd.lineage.studies import check_results
from msd.system.text_file import parse_json, read_json

HOST, LARGEST, SHOWN = "127.0.0.1", 20_000_000, 5
"""Where it listens: nobody else's machine reaches it. Bytes of a question at most; labels of an answer."""
PAGE = Path(__file__).with_name("page.html")


@dataclass(frozen=True)
class Demo:
    """The models of one dataset of a study, and its test samples.

    Attributes:
        models: title -> model, the teacher first.   teacher: what the samples are read by.
    """

    study: str
    dataset: str
    models: dict[str, Student]
    teacher: Run

    def answers(self, picture: Image.Image, text: str) -> list[dict[str, Any]]:
        """What each model says: of each view the most probable labels, and how salient each modality is."""
        answers = []
        for title, model in self.models.items():
            [answer] = model.answers([picture], [text])
            views = {view: ranked[:SHOWN] for view, ranked in answer.views.items()}
            answers.append({"title": title, "views": views, "saliency": answer.saliency})
        return answers

    def sample(self, row: int) -> dict[str, Any]:
        """A test sample by its number, which starts anew behind the last: picture, text and its labels."""
        table = self._table
        row %= len(table["text"])
        content = member(self._pictures, table["image"][row])
        labels = [
            self.teacher.labels[place]
            for place, score in zip(table["target"][row], table["score"][row], strict=True)
            if score > 0
        ]
        picture = base64.b64encode(content).decode()
        return {
            "number": row,
            "of": len(table["text"]),
            "picture": picture,
            "text": table["text"][row],
            "labels": labels,
        }

    @cached_property
    def _table(self) -> dict[str, list[Any]]:
        prepared = Path(self.teacher.inputs["labels"]).with_name("test.parquet")
        columns: dict[str, list[Any]] = read_columns(prepared, "image", "text", "target", "score").to_pydict()
        return columns

    @cached_property
    def _pictures(self) -> zipfile.ZipFile:
        return open_archive(Path(self.teacher.features["inputs"]["pictures"]))


def open_demo(study: str, dataset: str | None, *, results: Path = Path("results")) -> Demo:
    """The first teacher of a dataset and, of each method, the student of the best validation score.

    dataset: the study's first one if None. Raises UserError for a study without results, or one that has not run.
    """
    check_results(study, results)
    folder = results / study
    names = sorted(path.name for path in (folder / "cells").glob("*") if path.is_dir())
    if not names:
        raise UserError(f"{folder} has no students; run the study first: snakemake --configfile config/{study}.yaml")
    if dataset is not None and dataset not in names:
        raise UserError(f"the study {study} has no students of {dataset!r}{nearest(dataset, names)}")
    dataset = dataset or names[0]
    teachers = sorted((folder / "teachers" / dataset).glob("seed-*/model.safetensors"))
    if not teachers:
        raise UserError(f"{folder / 'teachers' / dataset} holds no teacher; run the study, or fetch it with DVC")
    teacher = open_teacher(teachers[0].parent)
    models = {"Teacher": teacher.student()}
    for path in sorted((folder / "cells" / dataset).glob("*/cell.json")):
        cell = read_json(path)
        chosen = next(one for one in cell["variants"] if one["variant"] == cell["selected"])
        models[cell["title"]] = open_run(Path(chosen["runs"][0])).student()
    return Demo(study, dataset, models, teacher)


class _Handler(BaseHTTPRequestHandler):
    """GET / is the page, GET /sample?number=3 a test sample; POST /ask {image, text} has the answers of all models."""

    def __init__(self, demo: Demo, *arguments: Any) -> None:
        self.demo = demo
        super().__init__(*arguments)

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        if not self._is_local():
            return
        if address.path == "/":
            text = PAGE.read_text(encoding="utf-8")
            self._send(
                text.replace("{{study}}", self.demo.study).replace("{{dataset}}", self.demo.dataset), "text/html"
            )
        elif address.path == "/sample":
            number = parse_qs(address.query).get("number", ["0"])[0]
            self._send_json(self.demo.sample(int(number) if number.isdecimal() else 0))
        else:
            self._refuse(HTTPStatus.NOT_FOUND, "there is only the page / here")

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not self._is_local():
            return
        if not length.isdecimal() or int(length) > LARGEST:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the picture is larger than {LARGEST / 1e6:.0f} MB")
            return
        try:
            request = parse_json(self.rfile.read(int(length)), "the question")
            if not isinstance(request, dict) or not isinstance(request.get("text"), str) or not request.get("image"):
                raise UserError("give a picture and a text")
            with decoding("the picture is broken", "choose another file"):
                content = base64.b64decode(str(request["image"]), validate=True)
            answers = self.demo.answers(rgb(content, name="that was chosen"), request["text"])
        except UserError as error:
            self._refuse(HTTPStatus.BAD_REQUEST, str(error))
            return
        self._send_json(answers)

    def _is_local(self) -> bool:
        """Whether the request names its own address: another site's page must not send one in a user's name."""
        host = self.headers.get("Host", "").rpartition(":")[0]
        if host in (HOST, "localhost"):
            return True
        self._refuse(HTTPStatus.FORBIDDEN, f"ask http://{HOST}")
        return False

    def _send_json(self, content: Any) -> None:
        self._send(json.dumps(content, ensure_ascii=False), "application/json")

    def _refuse(self, status: HTTPStatus, sentence: str) -> None:
        self._send(json.dumps({"error": sentence}, ensure_ascii=False), "application/json", status)

    def _send(self, text: str, kind: str, status: HTTPStatus = HTTPStatus.OK) -> None:
        content = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Content-Security-Policy", "default-src 'none'; img-src data: blob:; connect-src 'self'; "
                         "style-src 'unsafe-inline'; script-src 'unsafe-inline'")  # fmt: skip
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments: Any) -> None:
        """Nothing: requests are not logged."""


def new_server(demo: Demo, port: int) -> ThreadingHTTPServer:
    """A server of the page on this machine alone; 0 is any free port. UserError for one that is taken."""
    try:
        return ThreadingHTTPServer((HOST, port), partial(_Handler, demo))
    except (OSError, OverflowError) as error:
        raise UserError(f"port {port} cannot be had ({error}); choose another with --port") from error


def serve(study: str, dataset: str | None, port: int) -> int:
    """Serve the page until it is interrupted."""
    demo = open_demo(study, dataset)
    with new_server(demo, port) as server:
        print(f"{demo.study}, {demo.dataset}: http://{HOST}:{server.server_port} (Ctrl-C ends it)", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()
    return 0
