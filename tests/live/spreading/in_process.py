"""An engine that works in this process, which is much faster."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import Any

from live.spreading.work import Done, Engine, Item, Result, Work


class InThisProcess(Engine):
    """Does all work in this process, one item after another."""

    def __init__(self, **_how: Any) -> None:
        self._ready: dict[Any, Any] = {}

    def spread(
        self,
        work: Work[Item, Result],
        items: Iterable[Item],
        *,
        ahead: int | None = None,  # noqa: ARG002
    ) -> Generator[Done[Item, Result], None, None]:
        do = work.open()
        for number, item in enumerate(items):
            yield Done(number, item, do(item))

    def close(self) -> None:
        pass
