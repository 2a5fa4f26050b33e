"""A log that refuses, is slow, or is the last thing that a worker sees: the ports of a real one, by plan.

Calls are counted by name:

- `append`: records of a connector (also of a dead letter queue), `offsets`: source offsets, `store`: the worker's other
  topics;
- `flush`, and of transactions `init_transactions`, `begin_transaction`, `send_offsets`, `commit_transaction`,
  `abort_transaction`;
- `poll` and `commit` of consumers.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, TypeVar, cast

from connect.api import ConfigError, EnvironmentFault
from connect.ports import Cluster, Consumer, Producer, Subscription

T = TypeVar("T")

CALLS: Final = (
    "append",
    "offsets",
    "store",
    "flush",
    "init_transactions",
    "begin_transaction",
    "send_offsets",
    "commit_transaction",
    "abort_transaction",
    "poll",
    "commit",
)
#: What a failure after the call would break the port's own contract in: the records are there, and come again.
_NEVER_FAIL_AFTER: Final = ("append", "poll")


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to the nth call of a name, and to `count - 1` calls behind it.

    Attributes:
        action: 'fail' raises `EnvironmentFault`, as a disk that refuses does; 'delay' holds the call up; 'kill' ends
            the process with SIGKILL.
        when: Before the call, or behind it: the log has done it, and nobody hears.
    """

    call: str
    nth: int = 1
    count: int = 1
    action: Literal["fail", "delay", "kill"] = "fail"
    when: Literal["before", "after"] = "before"
    seconds: float = 0.0

    def __post_init__(self) -> None:
        if self.call not in CALLS:
            raise ConfigError(f"fault: {self.call!r} is no call of a log; expected one of {', '.join(CALLS)}")
        if self.nth < 1 or self.count < 1:
            raise ConfigError(f"fault: nth and count of {self.call} count from 1; got {self.nth} and {self.count}")
        if self.action == "fail" and self.when == "after" and self.call in _NEVER_FAIL_AFTER:
            raise ConfigError(
                f"fault: {self.call} cannot fail after it was done, which the port rules out; use when='before'"
            )

    def meets(self, call: str, nth: int, when: str) -> bool:
        """Whether this call is meant."""
        return self.call == call and self.when == when and self.nth <= nth < self.nth + self.count

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return asdict(self)


class Plan:
    """Counts the calls of one worker's life, and does what is planned for each."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self.faults = tuple(faults)
        self.counts: Counter[str] = Counter()

    async def around(self, call: str, work: Callable[[], Awaitable[T]]) -> T:
        """Make a call of the log, with what is planned before and behind it."""
        self.counts[call] += 1
        nth = self.counts[call]
        await self._meet(call, nth, "before")
        result = await work()
        await self._meet(call, nth, "after")
        return result

    async def _meet(self, call: str, nth: int, when: str) -> None:
        for fault in self.faults:
            if not fault.meets(call, nth, when):
                continue
            if fault.action == "kill":
                kill_this_process()
            if fault.action == "delay":
                await asyncio.sleep(fault.seconds)
            else:
                raise EnvironmentFault(
                    f"the crash kit refuses {call} number {nth}", code="environment.disk", hint="Try it again."
                )


def kill_this_process() -> None:
    """End this process as `kill -9` does: no clean-up, no flush of anything."""
    os.kill(os.getpid(), signal.SIGKILL)


class _Wrapped:
    """Hands everything on that is not wrapped."""

    def __init__(self, inner: Any, plan: Plan) -> None:
        self._inner = inner
        self._plan = plan

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class _Producer(_Wrapped):
    def __init__(self, inner: Producer, plan: Plan, is_internal: Callable[[str], bool]) -> None:
        super().__init__(inner, plan)
        self._is_internal = is_internal

    def _name(self, topic: str) -> str:
        if topic.endswith("offsets"):
            return "offsets"
        return "store" if self._is_internal(topic) else "append"

    async def append(self, topic: str, columns: Any, **options: Any) -> Any:
        return await self._plan.around(self._name(topic), lambda: self._inner.append(topic, columns, **options))

    async def append_raw(self, topic: str, *arguments: Any, **options: Any) -> Any:
        return await self._plan.around(self._name(topic), lambda: self._inner.append_raw(topic, *arguments, **options))

    async def flush(self) -> None:
        await self._plan.around("flush", self._inner.flush)

    async def init_transactions(self) -> None:
        await self._plan.around("init_transactions", self._inner.init_transactions)

    async def begin_transaction(self) -> None:
        await self._plan.around("begin_transaction", self._inner.begin_transaction)

    async def send_offsets_to_transaction(self, *arguments: Any) -> None:
        await self._plan.around("send_offsets", lambda: self._inner.send_offsets_to_transaction(*arguments))

    async def commit_transaction(self) -> None:
        await self._plan.around("commit_transaction", self._inner.commit_transaction)

    async def abort_transaction(self) -> None:
        await self._plan.around("abort_transaction", self._inner.abort_transaction)


class _Consumer(_Wrapped):
    async def poll(self, **options: Any) -> Any:
        return await self._plan.around("poll", lambda: self._inner.poll(**options))

    async def commit(self, offsets: Any) -> None:
        await self._plan.around("commit", lambda: self._inner.commit(offsets))


class _Cluster(_Wrapped):
    def producer(
        self,
        *,
        client_id: str,
        configs: Mapping[str, str] | None = None,
        internal: bool = False,
        places: bool = True,
    ) -> Producer:
        inner = self._inner.producer(client_id=client_id, configs=configs, internal=internal, places=places)
        return cast(Producer, _Producer(inner, self._plan, self._inner.is_internal))

    async def consumer(self, subscription: Subscription, **options: Any) -> Consumer:
        return cast(Consumer, _Consumer(await self._inner.consumer(subscription, **options), self._plan))


def faulty(cluster: Cluster, plan: Plan) -> Cluster:
    """Return a log that does to its calls what is planned, and is otherwise the one that is given."""
    return cast(Cluster, _Cluster(cluster, plan))
