"""The hand-made checkpoint of tests/support/fakes_speaker.py does what its tests need."""

from pathlib import Path

from fakes_speaker import make_speaker

from r1bench.harness.records import Sampling
from r1bench.harness.samplers import Request, Requests
from r1bench.harness.samplers.hf import TransformersOptions, TransformersSampler
from r1bench.tasks.templates import TEMPLATES


def test_a_speaker_says_its_chain_of_tokens_and_ends(tmp_path: Path) -> None:
    said = "The answer is 5, is 5, is \\boxed{5}."
    template, question = TEMPLATES["none"], "What is 2+3?"
    checkpoint = make_speaker(tmp_path / "m", said + "<end>", template=template, problem=question, specials=("<end>",), eos="<end>")
    sampler = TransformersSampler(checkpoint, TransformersOptions(device="cpu"))
    requests = [Request(sampler.prompts(template, [("p", question)])[0], 0)]
    [(_, completion)] = sampler.generate(Requests([requests]), Sampling(temperature=0, max_tokens=200))
    assert (completion.text, completion.finish_reason, completion.num_tokens) == (said, "stop", len(said) + 1)
