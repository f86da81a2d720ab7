"""Which sampler, with which options, draws what a gate needs: as the manifest says, on this machine."""

from pathlib import Path
from typing import Any

import pytest
from fakes_runs import make_run

from r1bench.harness.evaluation.drawing import Drawing
from r1bench.harness.records import Manifest

RUN = {"run": {"dtype": "auto", "batch_size": 32}, "machine": {"device": "cuda:3", "allow_pickle": True}}


def held(options: dict[str, Any], device: str = "cpu, 2 threads") -> Manifest:
    made_by = {"device": device, "dtype": "float32"}
    return make_run([[1]], sampler="transformers", batch_size=32, environment=made_by, sampler_options=options).manifest


@pytest.mark.parametrize("options", [RUN, {}], ids=["a folder of today", "a folder of before"])
def test_a_candidate_is_drawn_in_the_precision_and_batches_of_the_baseline_and_on_the_device_at_hand(options: dict[str, Any]) -> None:
    found = Drawing(Path("runs")).choice(held(options)).options
    assert (found.dtype, found.batch_size, found.device, found.allow_pickle) == ("float32", 32, "auto", False)


def test_what_is_asked_for_comes_before_what_the_manifest_says() -> None:
    drawing = Drawing(Path("runs"), {"batch_size": "8", "device": "cpu"})
    found = drawing.choice(held(RUN)).options
    assert (found.dtype, found.batch_size, found.device) == ("float32", 8, "cpu")


@pytest.mark.parametrize(
    ("asked", "device", "chosen"),
    [
        ({}, "cpu, 2 threads", "cpu"),
        ({}, "NVIDIA", "auto"),
        ({"device": "cuda"}, "cpu, 2 threads", "cuda"),
        ({"device": "auto"}, "cpu", "cpu"),
    ],
)
def test_a_run_is_topped_up_as_it_was_drawn_whatever_else_is_asked_for(asked: dict[str, str], device: str, chosen: str) -> None:
    drawing = Drawing(Path("runs"), {"batch_size": "8", "allow_pickle": "True", **asked})
    found = drawing.choice(held(RUN, device), is_top_up=True).options
    assert (found.batch_size, found.device, found.allow_pickle) == (32, chosen, True)
