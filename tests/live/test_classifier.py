"""A bundle is opened only when all of it is right; anything else is one sentence, and runs nothing."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from live.bundle import (
    DESCRIPTION_FILE,
    LARGEST_DESCRIPTION,
    NETWORK_FILE,
    SEVERAL_FILE,
    find_bundle,
    read_description,
    shipped_models,
)
from live.classifier import Classifier, calibrated
from live.errors import BundleError, RunningError
from tests.bundles import copy_bundle, describe

ROUNDING = 1e-6  # of the network of several windows; none on x86-64, but on 64-bit ARM


@pytest.fixture
def folder(bundle: Path, tmp_path: Path) -> Path:
    """A copy of a good bundle, to be harmed."""
    return copy_bundle(bundle, tmp_path / "bundle")


def refused(folder: Path) -> str:
    """Return the sentence that the bundle is refused with."""
    with pytest.raises(BundleError) as raised:
        Classifier(folder)
    sentence = str(raised.value)
    assert str(folder) in sentence
    assert sentence.endswith(".")
    assert sentence.isprintable()
    assert len(sentence.replace(str(folder), "")) < 400
    return sentence


def rewrite(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the description as ``change`` does."""
    values = describe(folder)
    change(values)
    (folder / DESCRIPTION_FILE).write_text(json.dumps(values))


def test_a_good_bundle_gives_probabilities(folder: Path) -> None:
    classifier = Classifier(folder)
    description = classifier.description
    shape = (description.window_frames, description.front_end.n_mels)
    for seed in range(3):
        window = np.random.default_rng(seed).uniform(-60, 0, size=shape)
        probabilities = classifier(window)
        assert probabilities.shape == (len(description.labels),)
        assert probabilities.sum() == pytest.approx(1, abs=1e-5)
        assert probabilities.min() >= 0
        np.testing.assert_array_equal(classifier(window), probabilities)


def test_one_window_leaves_no_trace_in_the_next(folder: Path) -> None:
    classifier = Classifier(folder)
    shape = (classifier.description.window_frames, classifier.description.front_end.n_mels)
    window = np.random.default_rng(0).uniform(-60, 0, size=shape)
    before = classifier(window)
    classifier(np.full(shape, -100.0))
    np.testing.assert_array_equal(classifier(window), before)


def state_hash(folder: Path, name: str, stated: str) -> None:
    """Write the hash of one of the bundle's files to the description."""
    rewrite(folder, lambda values: values["sha256"].update({name: stated}))


def random_windows(folder: Path, count: int) -> np.ndarray:
    description = read_description(folder)
    shape = (count, description.window_frames, description.front_end.n_mels)
    windows: np.ndarray = np.random.default_rng(count).uniform(-60, 0, size=shape)
    return windows


@pytest.mark.parametrize("count", [1, 2, 4, 5, 8, 11])
def test_windows_are_classified_together_as_they_are_one_by_one(count: int, folder: Path) -> None:
    together, alone = Classifier(folder), Classifier(folder)
    windows = random_windows(folder, count)
    expected = np.stack([alone(window) for window in windows])
    np.testing.assert_allclose(together.classify(windows), expected, rtol=0, atol=ROUNDING)
    np.testing.assert_array_equal(together(windows[0]), expected[0])


class _Silent:
    """A network for one window that finds nothing likely."""

    windows = 1

    def __init__(self, labels: int) -> None:
        self._labels = labels

    def __call__(self, coefficients: np.ndarray) -> np.ndarray:
        return np.zeros((len(coefficients), self._labels), dtype=np.float32)


def test_four_windows_are_heard_at_a_time_and_what_is_no_probability_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not (folder / SEVERAL_FILE).exists():
        pytest.skip("the bundle has no network of several windows")
    classifier = Classifier(folder)
    monkeypatch.setattr(classifier, "_network", _Silent(len(classifier.description.labels)))
    assert classifier.classify(random_windows(folder, 8)).sum() == pytest.approx(8, abs=1e-4)
    with pytest.raises(RunningError, match="not a probability"):
        classifier.classify(random_windows(folder, 5))


def test_a_bundle_does_without_its_network_of_several(folder: Path) -> None:
    windows = random_windows(folder, 5)
    expected = Classifier(folder).classify(windows)
    (folder / SEVERAL_FILE).unlink(missing_ok=True)
    np.testing.assert_allclose(Classifier(folder).classify(windows), expected, rtol=0, atol=ROUNDING)
    rewrite(folder, lambda values: values["sha256"].pop(SEVERAL_FILE, None))
    np.testing.assert_allclose(Classifier(folder).classify(windows), expected, rtol=0, atol=ROUNDING)


def test_a_bundle_that_is_trained_anew_meanwhile_changes_nothing(folder: Path) -> None:
    windows = random_windows(folder, 5)
    expected = Classifier(folder).classify(windows)
    classifier = Classifier(folder)
    (folder / SEVERAL_FILE).write_bytes(b"another network")
    np.testing.assert_array_equal(classifier.classify(windows), expected)


def test_a_network_of_several_that_is_none_is_refused_when_it_is_wanted(folder: Path) -> None:
    windows = random_windows(folder, 5)
    one = (folder / NETWORK_FILE).read_bytes()
    for content in (b"nonsense", one, one[:1_000]):
        (folder / SEVERAL_FILE).write_bytes(content)
        state_hash(folder, SEVERAL_FILE, hashlib.sha256(content).hexdigest())
        classifier = Classifier(folder)
        classifier(windows[0])
        with pytest.raises(BundleError, match=SEVERAL_FILE) as raised:
            classifier.classify(windows)
        assert str(raised.value).endswith(".")
    state_hash(folder, SEVERAL_FILE, "0" * 64)
    assert "sha256" in refused(folder)


MEMORY_OF_A_BUNDLE = """
import re, sys
from pathlib import Path
import numpy as np
import ai_edge_litert.interpreter
from live.classifier import Classifier

def own_bytes():
    with open("/proc/self/smaps_rollup") as rollup:
        return 1024 * int(re.search(r"Anonymous: +([0-9]+) kB", rollup.read())[1])

before = own_bytes()
classifier = Classifier(Path(sys.argv[1]))
description = classifier.description
shape = (5, description.window_frames, description.front_end.n_mels)
classifier.classify(np.zeros(shape, dtype=np.float32))
print(own_bytes() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="the system does not tell")
@pytest.mark.parametrize("name", shipped_models())
def test_a_model_that_ships_takes_little_more_memory_than_its_files(name: str) -> None:
    """Its weights in the files, packed by LiteRT once for each network, and what flows between."""
    folder = find_bundle(name)
    files = sum((folder / file).stat().st_size for file in (NETWORK_FILE, SEVERAL_FILE))
    taken = subprocess.run(
        [sys.executable, "-c", MEMORY_OF_A_BUNDLE, str(folder)], capture_output=True, check=True, text=True
    )
    assert files < int(taken.stdout) < 2_000_000 + 3 * files


def test_a_window_ends_where_its_samples_do(folder: Path) -> None:
    description = read_description(folder)
    spec = description.front_end
    samples = (description.window_frames - 1) * spec.hop_length + spec.n_fft
    assert description.window_s == pytest.approx(samples / spec.sample_rate)


HARM: dict[str, Callable[[dict[str, Any]], object]] = {
    "another format": lambda values: values.update(format=2),
    "no format": lambda values: values.pop("format"),
    "another mode": lambda values: values.update(mode="x" * 10_000),
    "no name": lambda values: values.pop("name"),
    "an endless name": lambda values: values.update(name="x" * 1_000),
    "a name with an escape": lambda values: values.update(name="\x1b[31mred"),
    "no labels": lambda values: values.update(labels=[]),
    "one label": lambda values: values.update(labels=["rock"]),
    "labels that are numbers": lambda values: values.update(labels=[1, 2]),
    "labels that are one text": lambda values: values.update(labels="rock"),
    "labels twice": lambda values: values.update(labels=["rock"] * 10),
    "a label with an 8-bit escape": lambda values: values["labels"].__setitem__(0, "\x9b31mrock"),
    "a label with a direction": lambda values: values["labels"].__setitem__(0, "\u202erock"),
    "a label with half a character": lambda values: values["labels"].__setitem__(0, "\ud800rock"),
    "a name with a direction": lambda values: values.update(name="\u202ename"),
    "a label with a line end": lambda values: values["labels"].__setitem__(0, "a\nb"),
    "too many labels": lambda values: values.update(labels=[str(k) for k in range(5_000)]),
    "one label less": lambda values: values["labels"].pop(),
    "one label more": lambda values: values["labels"].append("polka"),
    "no front end": lambda values: values.pop("front_end"),
    "a front end of nothing": lambda values: values.update(front_end=None),
    "a front end of a number": lambda values: values.update(front_end=7),
    "a front end of a list": lambda values: values.update(front_end=list(values["front_end"])),
    "a front end lacking a field": lambda values: values["front_end"].pop("n_fft"),
    "a front end with a field more": lambda values: values["front_end"].update({"\x1b\n" * 1_000: 1}),
    "a huge front end": lambda values: values["front_end"].update(n_fft=2**40),
    "a fraction of a sample": lambda values: values["front_end"].update(hop_length=1_920.5),
    "a text for a number": lambda values: values["front_end"].update(n_mels="9" * 100_000),
    "a number beyond all floats": lambda values: values["front_end"].update(fmax=10**400),
    "fewer coefficients": lambda values: values["front_end"].update(n_mfcc=13),
    "no window": lambda values: values.update(window_frames=0),
    "an endless window": lambda values: values.update(window_frames=10**400),
    "a window of true": lambda values: values.update(window_frames=True),
    "another window": lambda values: values.update(window_frames=values["window_frames"] + 1),
    "no temperature": lambda values: values.update(temperature=0),
    "a temperature beyond all floats": lambda values: values.update(temperature=10**400),
    "a temperature that is no number": lambda values: values.update(temperature=float("nan")),
    "an infinite temperature": lambda values: values.update(temperature=float("inf")),
    "a temperature in words": lambda values: values.update(temperature="warm"),
    "no hashes": lambda values: values.pop("sha256"),
    "hashes of nothing": lambda values: values.update(sha256={}),
    "a hash that is a number": lambda values: values.update(sha256={NETWORK_FILE: 1}),
    "a wrong hash": lambda values: values.update(sha256={NETWORK_FILE: "0" * 64}),
    "votes in words": lambda values: values.update(vote={"unsure_below": "low"}),
    "a vote beyond all floats": lambda values: values.update(vote={"silence_s": 10**400}),
    "a vote that is no number": lambda values: values.update(vote={"silence_s": float("nan")}),
    "a vote that is a list": lambda values: values.update(vote=[1]),
    "training in words": lambda values: values.update(training="well"),
}


@pytest.mark.parametrize("harm", HARM.values(), ids=HARM.keys())
def test_a_description_with_something_wrong_is_refused(
    harm: Callable[[dict[str, Any]], object], folder: Path
) -> None:
    rewrite(folder, harm)
    refused(folder)


def test_another_shape_is_told_in_plain_numbers(folder: Path) -> None:
    rewrite(folder, lambda values: values.update(window_frames=20))
    assert "is [1, 34, 96], and its bundle.json asks for [1, 20, 96]" in refused(folder)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"[]", b"null", b"7", b'"bundle"', b"\xff\xfe\x00", b'{"format": 1}', bytes(1_000),
        b"[" * 100_000, b'{"format":' * 50_000, b"[" * 400_000 + b"]" * 400_000, b"1" * 100_000,
        b" " * (LARGEST_DESCRIPTION + 1), b'{"format": 1e999}', b"NaN", b"\x80\x04\x95pickle",
    ],
    ids=lambda content: repr(content[:12]),
)  # fmt: skip
def test_a_description_that_is_none_is_refused(content: bytes, folder: Path) -> None:
    (folder / DESCRIPTION_FILE).write_bytes(content)
    refused(folder)


def test_unknown_fields_are_left_for_later_programs(folder: Path) -> None:
    rewrite(folder, lambda values: values.update(from_the_future=[1, {"deep": None}]))
    Classifier(folder)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_a_field_of_anything_at_all_is_taken_or_refused_in_a_sentence(
    data: st.DataObject, bundle: Path, tmp_path: Path
) -> None:
    description = describe(bundle)
    target = description["front_end"] if data.draw(st.booleans(), "in the front end") else description
    target[data.draw(st.sampled_from(sorted(target)), "field")] = data.draw(values, "value")
    (tmp_path / DESCRIPTION_FILE).write_text(json.dumps(description))
    try:
        read_description(tmp_path)
    except BundleError as error:
        sentence = str(error)
    else:
        sentence = ""
    assert sentence == "" or sentence.isprintable()


def test_a_network_that_was_tampered_with_is_refused(folder: Path) -> None:
    content = bytearray((folder / NETWORK_FILE).read_bytes())
    for at in (0, 5, len(content) // 2, len(content) - 1):
        harmed = content.copy()
        harmed[at] ^= 1
        (folder / NETWORK_FILE).write_bytes(harmed)
        assert "sha256" in refused(folder)


def set_network(folder: Path, content: bytes) -> None:
    """Replace the network of the bundle, with a matching hash."""
    (folder / NETWORK_FILE).write_bytes(content)
    rewrite(folder, lambda values: values.update(sha256={NETWORK_FILE: hashlib.sha256(content).hexdigest()}))


@pytest.mark.parametrize("kept", [0.0, 1e-5, 1e-3, 0.1, 0.5, 0.9])
def test_a_network_cut_short_is_refused_even_with_the_right_hash(kept: float, folder: Path) -> None:
    content = (folder / NETWORK_FILE).read_bytes()
    set_network(folder, content[: int(kept * len(content))])
    refused(folder)


@pytest.mark.parametrize("seed", range(3))
def test_random_bytes_for_a_network_are_refused_even_with_the_right_hash(seed: int, folder: Path) -> None:
    noise = np.random.default_rng(seed).bytes(50_000)
    for content in (noise, noise[:4] + b"TFL3" + noise):
        set_network(folder, content)
        refused(folder)


@pytest.mark.parametrize("field", [1, 2, 4])
def test_a_network_whose_root_lacks_a_part_is_refused_and_brings_nothing_down(
    field: int, folder: Path
) -> None:
    """LiteRT itself would read from address nought: found by the fuzzer."""
    content = bytearray((folder / NETWORK_FILE).read_bytes())
    root = int.from_bytes(content[:4], "little")
    fields = root - int.from_bytes(content[root : root + 4], "little", signed=True)
    content[fields + 4 + 2 * field : fields + 6 + 2 * field] = b"\0\0"
    set_network(folder, bytes(content))
    assert "not a network" in refused(folder)


def test_a_network_too_large_is_refused_without_reading_it(folder: Path) -> None:
    with (folder / NETWORK_FILE).open("r+b") as file:
        file.truncate(10 * 2**30)  # a hole: it takes no space on the disk
    assert "larger" in refused(folder)


@pytest.mark.parametrize("name", [DESCRIPTION_FILE, NETWORK_FILE])
def test_a_bundle_without_one_of_its_files_is_refused(name: str, folder: Path) -> None:
    (folder / name).unlink()
    assert name in refused(folder)


@pytest.mark.parametrize("name", [DESCRIPTION_FILE, NETWORK_FILE])
def test_a_link_out_of_the_bundle_is_refused(name: str, folder: Path, bundle: Path) -> None:
    (folder / name).unlink()
    (folder / name).symlink_to(bundle / name)
    assert "link" in refused(folder)


@pytest.mark.parametrize("name", [DESCRIPTION_FILE, NETWORK_FILE])
def test_what_is_no_file_is_refused(name: str, folder: Path) -> None:
    (folder / name).unlink()
    (folder / name).mkdir()
    refused(folder)
    (folder / name).rmdir()
    (folder / name).symlink_to(folder / name)  # a link to itself
    refused(folder)
    if sys.platform != "win32":
        (folder / name).unlink()
        os.mkfifo(folder / name)  # which nobody will ever write to
        refused(folder)


def test_a_link_to_a_bundle_is_a_bundle(folder: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(folder)
    Classifier(find_bundle(str(link)))


def test_a_model_is_a_folder_or_a_name_that_ships(folder: Path) -> None:
    assert find_bundle(str(folder)) == folder
    for name in shipped_models():
        assert find_bundle(name).name == name
    for wrong in ("no-such-model", str(folder / DESCRIPTION_FILE), "../models", "\0", "x" * 5_000):
        with pytest.raises(BundleError, match="There is no model"):
            find_bundle(wrong)


def test_every_model_that_ships_can_be_opened() -> None:
    for name in shipped_models():
        description = Classifier(find_bundle(name)).description
        assert description.name == name


@pytest.mark.parametrize("temperature", [0.01, 0.5, 1.0, 3.0, 100.0])
def test_calibration_keeps_the_order_and_the_sum(temperature: float) -> None:
    probabilities = np.array([[0.0, 1e-12, 0.2, 0.3, 0.5], [1.0, 0.0, 0.0, 0.0, 0.0]])
    shares = calibrated(probabilities, temperature)
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-6)
    assert (np.diff(shares[0, 2:]) >= 0).all()
    assert shares[1].argmax() == 0


def test_a_temperature_of_one_changes_nothing_and_others_soften_or_sharpen() -> None:
    probabilities = np.array([0.1, 0.2, 0.7])
    np.testing.assert_allclose(calibrated(probabilities, 1.0), probabilities, atol=1e-6)
    np.testing.assert_allclose(
        calibrated(probabilities, 0.5), probabilities**2 / (probabilities**2).sum(), atol=1e-6
    )
    assert calibrated(probabilities, 2.0).max() < 0.7
