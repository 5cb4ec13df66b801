"""Files of the Hugging Face hub, through its own client, whose variables, cache and token count.

The client finds the token of a gated repository by itself (`HF_TOKEN`, or what `hf auth login` wrote): it is never seen
here, and so is in no message, record or command.
"""

from pathlib import Path
from typing import Any

from msd.data.raw_files import check_room
from msd.errors import UserError


def from_hub(source: dict[str, Any]) -> Path:
    """The place in the hub's cache of a source's file, fetched if it is not there.

    Raises UserError: no such repository, commit or file, no right to it, no connection, or no room on the disk.
    """
    from huggingface_hub import constants, errors, hf_hub_download

    repo, file, revision, kind = source["repo"], source["file"], source["revision"], source.get("repo_type")
    if (there := cached(repo, file, revision=revision, kind=kind)) is not None:
        return there
    try:
        if source.get("bytes") and not constants.is_offline_mode():
            cache = Path(constants.HF_HUB_CACHE)
            cache.mkdir(parents=True, exist_ok=True)
            check_room(cache, source["bytes"], name=file)
        return Path(hf_hub_download(repo, file, revision=revision, repo_type=kind))
    except UserError:
        raise
    except (errors.HTTPError, OSError, ValueError) as error:
        if getattr(error, "errno", None) is not None:  # the system's, such as a full disk
            raise
        raise UserError(f"{file} of {repo} on the hub: {_reason(error, repo, kind)}") from error


def cached(repo: str, file: str, *, revision: str, kind: str | None) -> Path | None:
    """The place of a file in the hub's cache; None where it is not there."""
    from huggingface_hub import try_to_load_from_cache

    place = try_to_load_from_cache(repo, file, revision=revision, repo_type=kind)
    return Path(place) if isinstance(place, str) else None


def _reason(error: Exception, repo: str, kind: str | None) -> str:
    """Why the client has no file, and what to do."""
    from huggingface_hub import constants, errors

    page = f"{constants.ENDPOINT}/{constants.REPO_TYPES_URL_PREFIXES.get(kind or '', '')}{repo}"
    answers = [getattr(link, "response", None) for link in (error, error.__cause__)]
    status = next((answer.status_code for answer in answers if answer is not None), None)
    login = "let its client find a token (`hf auth login`, or the variable HF_TOKEN)"
    if isinstance(error, errors.GatedRepoError) or status == 403:
        return f"access is restricted ({status}); accept the terms at {page} and {login} of the account that did"
    if status == 401:
        return f"there is no such repository, or it is not public (401); correct `repo` and `repo_type`, or {login}"
    if isinstance(error, errors.RevisionNotFoundError):
        return f"the repository has no such commit ({status}); correct `revision` by {page}"
    if isinstance(error, errors.RemoteEntryNotFoundError):
        return f"there is no such file at this commit ({status}); correct `file` by {page}"
    if isinstance(error, errors.RepositoryNotFoundError):
        return f"there is no such repository ({status}); correct `repo` and `repo_type`"
    if status is not None:
        return f"the server answered {status}; run again later"
    if constants.is_offline_mode():
        return "it is not in the cache, and HF_HUB_OFFLINE forbids to fetch it; unset that, or bring the cache"
    words = str(error.__cause__ or error).strip().splitlines() or [type(error).__name__]
    return f"the download failed ({words[0]}); run again when {constants.ENDPOINT} can be reached"
