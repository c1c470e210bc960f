from __future__ import annotations

import hashlib
import io
import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

from live.bundle import find_bundle, read_description, write_description
from live.classifier import Classifier
from live.errors import BundleError, GenreLiveError, InputError
from live.front_end import FrontEndSpec
from training.cli import main
from training.dataset.features import load_features
from training.dataset.splits import whole_store
from training.network.batches import Crops
from training.network.recipes import LIVE
from training.network.start import gentle, open_start, started
from training.train import remarks_on_start


def run(*words: object) -> int:
    return main([str(word) for word in words])


@pytest.fixture(scope="module")
def continued(dataset: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle that the command fitted on few clips when nobody said what to start from."""
    out = tmp_path_factory.mktemp("models") / "continued"
    assert run(dataset, "--out", out, "--cache", cache, "--epochs", 2, "--batch-size", 8) == 0
    return out


def test_a_fit_on_few_clips_starts_from_the_shipped_model_and_the_card_says_so(continued: Path) -> None:
    description = read_description(continued)
    assert description.training["started_from"] == "genre-lstm"
    assert description.labels == ("hiss", "tone")
    card = (continued / "README.md").read_text(encoding="utf-8")
    assert "| Started from | genre-lstm: its front and its LSTM, a new head |" in card
    assert description.training["metrics"]["valid"]["clip_accuracy"] == 1.0
    Classifier(continued)


def test_it_can_be_declined(trained: Path) -> None:
    assert read_description(trained).training["started_from"] is None  # fitted with --start-from none


def test_genres_that_a_fit_from_a_model_will_not_know_are_told() -> None:
    shipped = read_description(find_bundle("genre-lstm"))
    (told,) = remarks_on_start(shipped, ("jazz", "no_music", "rock"))
    assert told == "The new model will know only the 3 labels of the data: genre-lstm has 8 genres more."
    assert remarks_on_start(shipped, shipped.labels) == []


def test_figures_on_what_the_start_knows_are_said_to_flatter(
    dataset: Path, cache: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], trained: Path
) -> None:
    warning = "sounds, from which the fit started, was fitted or validated on "
    words = (dataset, "--cache", cache)
    fit = ("--seed", 1, "--start-from", trained, "--epochs", 1, "--batch-size", 8)
    assert run(*words, *fit, "--out", tmp_path / "m") == 0
    assert warning in capfd.readouterr().err
    for page in ("README.md", "report/report.md"):
        assert f"> **{warning}" in (tmp_path / "m" / page).read_text(encoding="utf-8")
    assert run(*words, "--evaluate", tmp_path / "m", "--part", "valid", "--json") == 0
    assert warning in json.loads(capfd.readouterr().out)["notes"][0]


def test_the_body_is_carried_over_and_the_head_already_tells_the_labels_apart(
    dataset: Path, cache: Path
) -> None:
    store = load_features(dataset, LIVE.front_end, cache=cache, workers=1).store
    labels = ("hiss", "tone")
    recipe = gentle(LIVE)
    crops = Crops(store, whole_store(store), labels, recipe, seed=0)
    start = open_start(find_bundle("genre-lstm"), recipe.front_end, recipe.window_frames)
    network = started(recipe, start, crops, 16).network(
        recipe.front_end, recipe.window_frames, len(labels), crops.examples(16)
    )
    assert network.count_params() < start.body.count_params() + 1_000
    for own, carried in zip(_lstms(network), _lstms(start.body), strict=True):
        np.testing.assert_array_equal(own, carried)
    for inputs, targets in crops.validation(64):
        heard = np.asarray(network.predict_on_batch(inputs)).argmax(axis=1)
        assert (heard == targets["genre"].argmax(axis=1)).mean() > 0.9


def _lstms(body: object) -> list[np.ndarray]:
    # By its kind: Keras numbers the names of layers for as long as a process lives.
    layers = body.layers  # type: ignore[attr-defined]
    return [weight for layer in layers if type(layer).__name__ == "LSTM" for weight in layer.get_weights()]


def test_another_front_end_is_refused_in_a_sentence(
    dataset: Path, cache: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = (dataset, "--out", tmp_path / "m", "--cache", cache, "--recipe", "seed")
    assert run(*words, "--start-from", "genre-lstm") == 2
    told = capfd.readouterr().err.splitlines()[-1]
    assert (
        "genre-lstm has another front end and cannot be started from (hop_length 1920 instead of 512" in told
    )
    with pytest.raises(InputError, match="windows of 34 frames instead of 33"):
        open_start(find_bundle("genre-lstm"), FrontEndSpec(), 33)
    assert run(dataset, "--out", tmp_path / "m", "--cache", cache, "--start-from", "nowhere") == 2
    assert "There is no model 'nowhere'" in capfd.readouterr().err


def changed(model: Path, folder: Path, content: bytes | None) -> Path:
    """Return a copy of a bundle with another network.keras and a matching hash."""
    copy = folder / "copy"
    shutil.copytree(model, copy)
    values = json.loads((copy / "bundle.json").read_text(encoding="utf-8"))
    if content is None:
        (copy / "network.keras").unlink()
    else:
        (copy / "network.keras").write_bytes(content)
        values["sha256"]["network.keras"] = hashlib.sha256(content).hexdigest()
    (copy / "bundle.json").write_text(json.dumps(values), encoding="utf-8")
    return copy


def test_a_network_that_could_run_code_is_refused(trained: Path, tmp_path: Path) -> None:
    import keras

    spec = FrontEndSpec()
    inputs = keras.Input((34, spec.n_mfcc))
    pooled = keras.layers.Lambda(lambda x: x[:, 0], name="pooled")(inputs)
    path = tmp_path / "network.keras"
    keras.Model(inputs, pooled).save(path)
    with pytest.raises(InputError, match="it names 'Lambda', which is not a plain layer"):
        open_start(changed(trained, tmp_path, path.read_bytes()), spec, 34)


def test_a_network_that_grows_when_it_is_unpacked_is_refused(trained: Path, tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", b" " * 5_000_000)
    with pytest.raises(InputError, match="its configuration holds more than"):
        open_start(changed(trained, tmp_path, packed.getvalue()), FrontEndSpec(), 34)


@pytest.mark.parametrize(
    ("content", "words"), [(None, "holds no network.keras"), (b"no archive", "cannot be started from")]
)
def test_a_network_that_is_missing_or_broken_is_refused(
    content: bytes | None, words: str, trained: Path, tmp_path: Path
) -> None:
    with pytest.raises(GenreLiveError, match=words):
        open_start(changed(trained, tmp_path, content), FrontEndSpec(), 34)


def test_weights_that_cannot_be_unpacked_are_refused(trained: Path, tmp_path: Path) -> None:
    content = bytearray((trained / "network.keras").read_bytes())
    content[content.rindex(b"PK\x01\x02") + 8] |= 1  # encrypted, says the archive
    with pytest.raises(InputError, match=r"cannot be started from: its .* is encrypted"):
        open_start(changed(trained, tmp_path, bytes(content)), FrontEndSpec(), 34)


def test_a_network_that_is_not_the_bundles_is_refused(trained: Path, tmp_path: Path) -> None:
    model = tmp_path / "copy"
    shutil.copytree(trained, model)
    with (model / "network.keras").open("ab") as file:
        file.write(b"more")
    with pytest.raises(BundleError, match="does not match its sha256"):
        open_start(model, FrontEndSpec(), 34)


def test_a_bundle_may_have_another_network_to_start_from(trained: Path, tmp_path: Path) -> None:
    import keras

    inputs = keras.Input((34, 96))
    other = tmp_path / "other.keras"
    keras.Model(inputs, keras.layers.GlobalAveragePooling1D(name="pooled")(inputs)).save(other)
    assert open_start(trained, FrontEndSpec(), 34).body.output_shape == (None, 192)
    copy = tmp_path / "copy"
    shutil.copytree(trained, copy)
    shutil.copyfile(other, copy / "start.keras")
    write_description(copy, read_description(copy))
    assert open_start(copy, FrontEndSpec(), 34).body.output_shape == (None, 96)
    (copy / "start.keras").write_bytes(b"something else")
    with pytest.raises(BundleError, match="does not match its sha256"):
        open_start(copy, FrontEndSpec(), 34)


def test_a_network_without_the_layer_to_go_on_from_is_refused(trained: Path, tmp_path: Path) -> None:
    import keras

    inputs = keras.Input((34, 96))
    path = tmp_path / "network.keras"
    keras.Model(inputs, keras.layers.Flatten()(inputs)).save(path)
    with pytest.raises(InputError, match="has no layer 'pooled'"):
        open_start(changed(trained, tmp_path, path.read_bytes()), FrontEndSpec(), 34)


def test_a_model_that_is_not_there_is_told_before_the_audio_is_read(
    dataset: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = (dataset, "--out", tmp_path / "m", "--cache", tmp_path / "c", "--start-from", "nowhere")
    assert run(*words) == 2
    assert "nowhere" in capfd.readouterr().err
    assert not (tmp_path / "c").exists()
