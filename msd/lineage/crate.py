"""Export of a study as an RO-Crate of the profile Provenance Run Crate, which includes Workflow Run RO-Crate.

The crate holds every file that the study's records name, with its sha256, and one action for each record. Source:
Leo et al., "Recording provenance of workflow runs with RO-Crate", PLOS ONE 2024; https://w3id.org/ro/wfrun, 0.5.
"""

from __future__ import annotations

import json
import mimetypes
import os
import tempfile
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msd.errors import UserError
from msd.lineage.record import as_recorded
from msd.lineage.studies import study_records
from msd.system.refusals import explained

if TYPE_CHECKING:
    from rocrate.model.contextentity import ContextEntity
    from rocrate.rocrate import ROCrate

PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": "Process Run Crate",
    "https://w3id.org/ro/wfrun/workflow/0.5": "Workflow Run Crate",
    "https://w3id.org/ro/wfrun/provenance/0.5": "Provenance Run Crate",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": "Workflow RO-Crate",
}
TERMS = "https://w3id.org/ro/terms/workflow-run/context"
BIOSCHEMAS = "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"
SNAKEMAKE = "https://snakemake.github.io"
COMPLETED = "http://schema.org/CompletedActionStatus"
WORKFLOW = "Snakefile"
CODE = ("workflow/**/*.smk", "workflow/Snakefile", "requirements.lock", "LICENSE")
TYPES = {".parquet": "application/vnd.apache.parquet", ".yaml": "application/yaml", ".md": "text/markdown",
         ".safetensors": "application/octet-stream", ".npy": "application/octet-stream"}  # fmt: skip


def export_crate(study: str, results: Path, target: Path) -> str:
    """Write a study's crate to a new folder, and say so; UserError for no records or a file that is not as recorded."""
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UserError(f"{target} is there already; name a new folder with --out")
    records = study_records(study, results)
    project = results.absolute().parent
    files = as_recorded((item for one in records.values() for item in one["outputs"] + one["inputs"]), results)
    crate = _Builder(study, project, records, files).build()
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".tmp-") as folder, explained([folder]):
        crate.write(f"{folder}/crate")
        os.replace(f"{folder}/crate", target)
    return f"{target}: {len(files)} recorded files and the actions of {len(records)} jobs"


class _Builder:
    """One crate while its entities are made."""

    def __init__(self, study: str, project: Path, records: dict[str, dict[str, Any]], files: dict[str, str]) -> None:
        from rocrate.rocrate import ROCrate

        self.crate: ROCrate = ROCrate(version="1.1")
        self.study, self.project, self.records, self.files = study, project, records, files
        self.entities: dict[str, Any] = {}

    def build(self) -> ROCrate:
        """The whole crate, not yet written."""
        self.crate.metadata.extra_contexts.append(TERMS)
        root = self.crate.root_dataset
        root["name"] = f"msd: results of the study {self.study}"
        root["description"] = (
            f"Every file of the study {self.study} with what made it: the runs, seeds, parameters, teachers and data"
            " of each number in its tables. Each raw file has the licence that its source.json names."
        )
        root["license"] = self._entity("https://spdx.org/licenses/MIT", "CreativeWork", name="MIT (of the code)")
        root["conformsTo"] = [
            self._entity(uri, "CreativeWork", name=name, version=uri.rpartition("/")[2])
            for uri, name in PROFILES.items()
        ]
        workflow = self._add_files()
        actions, controls = self._add_actions(workflow)
        whole = self._add_whole(workflow)
        self._add_engine(controls, whole)
        root["mentions"] = [whole, *actions]
        return self.crate

    def _entity(self, identifier: str, kind: str, **properties: Any) -> ContextEntity:
        from rocrate.model.contextentity import ContextEntity

        return self.crate.add(ContextEntity(self.crate, identifier, properties={"@type": kind, **properties}))

    def _add_files(self) -> Any:
        """Add all files; returns the workflow, which is the crate's main entity."""
        kinds = {"@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"]}
        source = self.project / WORKFLOW
        workflow = self.crate.add_workflow(source, WORKFLOW, main=True, lang="snakemake", properties=kinds)
        workflow["name"], workflow["version"] = "msd", metadata.version("msd")
        workflow["encodingFormat"] = "text/x-snakemake"
        workflow["conformsTo"] = self._entity(BIOSCHEMAS, "CreativeWork", name="ComputationalWorkflow")
        code = {path.relative_to(self.project).as_posix() for pattern in CODE for path in self.project.glob(pattern)}
        for path in sorted({*self.files, *self.records, *code}):
            place = self.project / path
            kind = TYPES.get(place.suffix) or mimetypes.guess_type(path)[0] or "text/plain"
            properties = {"encodingFormat": kind, "contentSize": str(place.stat().st_size), "name": path}
            if path in self.files:
                properties["sha256"] = self.files[path]
            self.entities[path] = self.crate.add_file(place, self._destination(path), properties=properties)
        return workflow

    def _destination(self, path: str) -> str:
        """Where a file lies in the crate: as in the project, or below `external` one that is outside of it."""
        return f"external/{self.files[path][:16]}/{Path(path).name}" if path.startswith("../") else path

    def _add_actions(self, workflow: Any) -> tuple[list[Any], list[Any]]:
        """One tool and one step a rule, one action a record with the control action that ran it."""
        in_order = sorted(self.records.values(), key=lambda content: content["started"])
        tools, steps, actions, controls = {}, {}, [], []
        for position, rule in enumerate(dict.fromkeys(content["rule"] for content in in_order)):
            version = metadata.version("msd")
            tools[rule] = self._entity(f"#stage-{rule}", "SoftwareApplication", name=rule, softwareVersion=version)
            steps[rule] = self._entity(f"#step-{rule}", "HowToStep", name=rule, position=str(position))
            steps[rule]["workExample"] = tools[rule]
        workflow["hasPart"], workflow["step"] = list(tools.values()), list(steps.values())
        for name, content in self.records.items():
            action = self._entity(f"#action-{name}", "CreateAction", name=f"{content['rule']}: {Path(name).parent}")
            action["description"], action["actionStatus"] = _describe(content), COMPLETED
            action["startTime"], action["endTime"] = content["started"], content["ended"]
            action["instrument"] = tools[content["rule"]]
            action["object"] = self._named(item["path"] for item in content["inputs"])
            action["result"] = self._named([*(item["path"] for item in content["outputs"]), name])
            actions.append(action)
            control = self._entity(f"#control-{name}", "ControlAction", name=f"Run {content['rule']}")
            control["instrument"], control["object"] = steps[content["rule"]], action
            controls.append(control)
        return actions, controls

    def _named(self, paths: Iterable[str]) -> Any:
        """The entities of files; of one file the entity itself, as RO-Crate recommends."""
        entities = [self.entities[path] for path in paths]
        return entities[0] if len(entities) == 1 else entities

    def _add_whole(self, workflow: Any) -> Any:
        """The run of the workflow: from what no job made to the study's tables, figures and report."""
        made = {item["path"] for content in self.records.values() for item in content["outputs"]}
        home = f"results/{self.study}"
        shown = [path for path in sorted(made) if path.startswith((f"{home}/tables/", f"{home}/figures/"))]
        shown += [path for path in sorted(made) if path == f"{home}/report.html"]
        whole = self._entity("#run", "CreateAction", name=f"Run of the study {self.study}", actionStatus=COMPLETED)
        whole["description"], whole["instrument"] = f"All jobs of the study {self.study}, by Snakemake", workflow
        whole["startTime"] = min(content["started"] for content in self.records.values())
        whole["endTime"] = max(content["ended"] for content in self.records.values())
        whole["object"], whole["result"] = self._named(sorted(self.files.keys() - made)), self._named(shown)
        return whole

    def _add_engine(self, controls: list[Any], whole: Any) -> None:
        versions = sorted({content["versions"].get("snakemake", "unknown") for content in self.records.values()})
        engine = self._entity(SNAKEMAKE, "SoftwareApplication", name="Snakemake", url=SNAKEMAKE)
        engine["softwareVersion"] = ", ".join(versions)
        organised = self._entity("#organise", "OrganizeAction", name=f"Snakemake runs the study {self.study}")
        organised["instrument"], organised["object"], organised["result"] = engine, controls, whole


def _describe(content: dict[str, Any]) -> str:
    parameters = json.dumps(content["params"], ensure_ascii=False)
    code, commit = content["code"]["digest"], content["git"]["commit"]
    return f"Parameters {parameters}; code {code}; commit {commit}; seeds {content['seeds']}"
