from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from training.evaluation.record import DatasetRecord, RefitRecord, StartRecord, TrainingRecord

RECORD = TrainingRecord(
    dataset=DatasetRecord("a + b", 30, {"train": 20, "valid": 10}, "ab12", {"a": 10, "b": 20}),
    split="group", recipe="live", seed=3, epochs=70, best_epoch=41, batch_size=64,
    packages={"numpy": "2"}, started_from="genre-lstm",
    start=StartRecord(frozenset({"c"}), frozenset({"train"}), 2), parameters=1_000, windows=160,
    metrics={"valid": {"clip_accuracy": 0.5}}, remarks=("one",), refit=RefitRecord(30, 41),
)  # fmt: skip

STRANGE: tuple[object, ...] = (
    None,
    True,
    3,
    -2.5,
    "text",
    [],
    [1, None],
    {},
    {"valid": 3},
    {"clips": "many", "name": 3},
    {"names": 3, "lists": {"train": 1}, "knows": "all"},
)


def test_a_record_is_read_as_it_was_written() -> None:
    assert TrainingRecord.read(json.loads(json.dumps(RECORD.to_dict()))) == RECORD
    assert RECORD.fitted_on == ("train", "valid")
    assert RECORD.dataset.names == {"a", "b"}


@given(values=st.fixed_dictionaries({}, optional=dict.fromkeys(RECORD.to_dict(), st.sampled_from(STRANGE))))
def test_whatever_a_stranger_wrote_is_read_and_can_be_written(values: dict[str, Any]) -> None:
    record = TrainingRecord.read(values)
    assert TrainingRecord.read(json.loads(json.dumps(record.to_dict()))) == record
