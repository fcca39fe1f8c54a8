"""What a dedupe store does, as a small machine: section 7 of the contract, written down once more."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Entry:
    """What is remembered of one event: which claim has it, whether it is done, and until when that holds."""

    claim: str
    is_done: bool
    until: int


class Store:
    """A store for any number of events, with a clock that only `wait` moves."""

    def __init__(self, ttl: int, lease: int) -> None:
        self.ttl, self.lease, self.now = ttl, lease, 0
        self.entries: dict[int, Entry] = {}

    def wait(self, seconds: int) -> None:
        """Moves the clock, but never onto the end of a lease or a ttl, where a real clock may say either."""
        self.now += seconds
        assert all(entry.until != self.now for entry in self.entries.values()), "a wait ends exactly at a boundary"

    def alive(self, event: int) -> Entry | None:
        """The entry of an event, unless its lease or its ttl is over: then it counts as absent."""
        entry = self.entries.get(event)
        return entry if entry and self.now < entry.until else None

    def claim(self, event: int, claim: str) -> str:
        if found := self.alive(event):
            return "duplicate" if found.is_done else "in_progress"
        self.entries[event] = Entry(claim, False, self.now + self.lease)
        return "ok"

    def commit(self, event: int, claim: str) -> str:
        """Done, unless another claim holds the event or has settled it."""
        if (found := self.alive(event)) and found.claim != claim:
            return "claim_lost"
        self.entries[event] = Entry(claim, True, self.now + self.ttl)
        return "ok"

    def release(self, event: int, claim: str) -> str:
        """Absent, unless the event is done or another claim holds it."""
        if (found := self.alive(event)) and (found.is_done or found.claim != claim):
            return "claim_lost"
        self.entries.pop(event, None)
        return "ok"
