"""The prompts of a run: what the model read, one line per problem, written before the first token and never changed.

Runs of before, imported runs, and runs of samplers that do not know what the model reads (behind an API) have none.
"""

from collections.abc import Sequence
from pathlib import Path

from r1bench.harness.canonical import canonical_json, digest_of, parse_json
from r1bench.harness.errors import StorageError
from r1bench.harness.records import Manifest, RenderedPrompt
from r1bench.harness.store.disk import open_regular, write_whole
from r1bench.harness.store.sample_lines import FAULTS, why

PROMPTS = "prompts.jsonl"


def digest_of_prompts(prompts: Sequence[RenderedPrompt]) -> str:
    """Changes with any text; how many tokens a text has is the tokenizer's."""
    return digest_of([[prompt.problem_id, prompt.text] for prompt in prompts])


def write_prompts(folder: Path, prompts: Sequence[RenderedPrompt]) -> None:
    """Write the file whole."""
    write_whole(folder / PROMPTS, "".join(canonical_json(prompt.to_json()) + "\n" for prompt in prompts))


def read_prompts(folder: Path, manifest: Manifest) -> list[RenderedPrompt]:
    """The prompts of a run; none where it has none, or the file was lost. Raises StorageError: it cannot be read, or is another run's."""
    path, cure = folder / PROMPTS, "restore it from a copy of the run, or delete it: the same evaluation writes it again"
    if not manifest.prompts_digest:
        return []
    try:
        with open_regular(path) as file:
            lines = file.read().decode("utf-8", "surrogatepass").split("\n")
        found = [RenderedPrompt.from_json(parse_json(line)) for line in lines if line]
        for prompt in found:
            prompt.check()
    except FileNotFoundError:
        return []
    except (OSError, *FAULTS) as error:
        raise StorageError(f"{path} cannot be read ({why(error)}); {cure}") from error
    if digest_of_prompts(found) != manifest.prompts_digest:
        raise StorageError(f"{path} is not what this run was asked; {cure}")
    return found


def keep_prompts(folder: Path, stored: Manifest, prompts: Sequence[RenderedPrompt]) -> None:
    """Hold today's prompts against those of a run that is gone on with; a file that was lost is written again.

    Raises StorageError: a prompt was another one, so that new samples would not belong to the stored ones.
    """
    if not stored.prompts_digest or not prompts:
        return
    held = {prompt.problem_id: prompt for prompt in read_prompts(folder, stored)}
    moved = next((prompt.problem_id for prompt in prompts if held.get(prompt.problem_id, prompt) != prompt), None)
    if moved is not None or digest_of_prompts(prompts) != stored.prompts_digest:
        named = f" ({'first' if len(prompts) > 1 else 'that'} of problem {moved!r})" if moved is not None else ""
        made = ", ".join(f"{name} {stored.environment[name]}" for name in ("r1bench", "transformers") if name in stored.environment)
        raise StorageError(
            f"run {folder.name} was asked other prompts than this checkpoint gets now{named}; begin another run with --out FOLDER, "
            f"or go on with what made it: {made or 'its own versions'}"
        )
    if len(held) < len(prompts):
        write_prompts(folder, prompts)
