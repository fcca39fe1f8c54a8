"""stores.json: sequences of claim, commit, release and waiting, with their answers.

The answers of the sequences that are written by hand are decided by hand; the model only confirms them. Those of the
random sequences are the model's.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

from generator.delivery import Case
from generator.store_model import Store

ABOUT = (
    "Sequences that a fresh dedupe store answers, whatever it is built on. as names a claim: commit and release use "
    "the claim that the step of this name was granted. event is 1 where it is absent. A wait never ends exactly at the "
    "end of a lease or a ttl."
)
TTL, LEASE = 600, 60

Step = dict[str, Any]
Row = tuple[str, str, list[Step]]


def cases() -> list[Case]:
    groups = [
        arrows(), clocks(), repetitions(), after_release(), lease_over(), lease_over_and_release(), ttl_over(),
        several_events(),
    ]  # fmt: skip
    by_hand = [case(name, comment, steps) for group in groups for name, comment, steps in group]
    return [*by_hand, *other_settings(), *at_random()]


def case(case_id: str, comment: str, steps: Sequence[Step], *, ttl: int = TTL, lease: int = LEASE) -> Case:
    confirm(case_id, steps, ttl, lease)
    return {"id": case_id, "comment": comment, "ttl": ttl, "lease": lease, "steps": list(steps)}


def confirm(case_id: str, steps: Sequence[Step], ttl: int, lease: int) -> None:
    """The model gives the same answers, and every claim that is settled was granted, once, for that event."""
    store = Store(ttl, lease)
    claims: dict[str, int] = {}
    for number, step in enumerate(steps, 1):
        where = f"stores: {case_id}, step {number}"
        if step["do"] == "wait":
            store.wait(step["seconds"])
            continue
        name, event = step["as"], step.get("event", 1)
        if step["do"] == "claim":
            assert name not in claims, f"{where}: a second claim {name}"
            claims[name] = event if step["expect"] == "ok" else 0
        assert step["do"] == "claim" or claims[name] == event, f"{where}: {name} was not granted"
        answer = getattr(store, step["do"])(event, name)
        assert answer == step["expect"], f"{where}: the model says {answer}"


def step(do: str, name: str, event: int, expect: str) -> Step:
    return {"do": do, "as": name} | ({} if event == 1 else {"event": event}) | {"expect": expect}


def claim(name: str, expect: str = "ok", *, event: int = 1) -> Step:
    return step("claim", name, event, expect)


def commit(name: str, expect: str = "ok", *, event: int = 1) -> Step:
    return step("commit", name, event, expect)


def release(name: str, expect: str = "ok", *, event: int = 1) -> Step:
    return step("release", name, event, expect)


def wait(seconds: int) -> Step:
    return {"do": "wait", "seconds": seconds}


def arrows() -> list[Row]:
    """Each arrow of the drawing in the contract, once."""
    return [
        ("claim", "An event that nobody knows.", [claim("a")]),
        ("claim-held", "An event that another worker holds.", [claim("a"), claim("b", "in_progress")]),
        ("commit", "A committed event is a duplicate.", [claim("a"), commit("a"), claim("b", "duplicate")]),
        ("release", "A released event may be claimed again.", [claim("a"), release("a"), claim("b")]),
        ("release-then-commit-by-next", "The next worker succeeds.",
         [claim("a"), release("a"), claim("b"), claim("c", "in_progress"), commit("b"), claim("d", "duplicate")]),
        ("release-three-times-then-commit", "The fourth worker succeeds.",
         [claim("a"), release("a"), claim("b"), release("b"), claim("c"), release("c"), claim("d"), commit("d"),
          claim("e", "duplicate")]),
        ("lease-over", "A worker that died holds nothing for ever.", [claim("a"), wait(61), claim("b")]),
        ("ttl-over", "A done event is forgotten after its ttl.", [claim("a"), commit("a"), wait(601), claim("b")]),
    ]  # fmt: skip


def clocks() -> list[Row]:
    """What begins a lease or a ttl, and what does not."""
    return [
        ("lease-not-over", "A second before the end of the lease.", [claim("a"), wait(59), claim("b", "in_progress")]),
        ("lease-not-over-commit", "A commit in the last second of the lease.",
         [claim("a"), wait(59), commit("a"), claim("b", "duplicate")]),
        ("lease-not-over-release", "A release in the last second of the lease.",
         [claim("a"), wait(59), release("a"), claim("b")]),
        ("lease-is-not-renewed-by-others", "Whoever asks in vain does not make the lease longer.",
         [claim("a"), wait(30), claim("b", "in_progress"), wait(29), claim("c", "in_progress"), wait(2), claim("d")]),
        ("lease-of-each-claim", "A new claim has a whole lease of its own.",
         [claim("a"), wait(61), claim("b"), wait(59), claim("c", "in_progress"), wait(2), claim("d")]),
        ("lease-after-release", "So has a claim after a release.",
         [claim("a"), wait(59), release("a"), claim("b"), wait(59), claim("c", "in_progress"), wait(2), claim("d")]),
        ("ttl-not-over", "A second before the end of the ttl.",
         [claim("a"), commit("a"), wait(599), claim("b", "duplicate")]),
        ("ttl-outlives-lease", "A done event has no lease any more.",
         [claim("a"), commit("a"), wait(61), claim("b", "duplicate")]),
        ("ttl-begins-with-commit", "The ttl is counted from the commit, not from the claim.",
         [claim("a"), wait(59), commit("a"), wait(599), claim("b", "duplicate"), wait(2), claim("c")]),
        ("ttl-is-not-renewed-by-duplicates", "Whoever asks for a done event does not make its ttl longer.",
         [claim("a"), commit("a"), wait(300), claim("b", "duplicate"), wait(299), claim("c", "duplicate"), wait(2),
          claim("d")]),
        ("ttl-of-each-commit", "An event that is handled again after its ttl has a whole ttl again.",
         [claim("a"), commit("a"), wait(601), claim("b"), commit("b"), wait(599), claim("c", "duplicate"), wait(2),
          claim("d")]),
    ]  # fmt: skip


def repetitions() -> list[Row]:
    """An answer was lost on the way, and so the step is repeated."""
    return [
        ("commit-twice", "A commit that is repeated is ok again.",
         [claim("a"), commit("a"), commit("a"), claim("b", "duplicate")]),
        ("commit-five-times", "However often.",
         [claim("a"), commit("a"), commit("a"), commit("a"), commit("a"), commit("a"), claim("b", "duplicate")]),
        ("commit-twice-lease-over", "Also when the lease would be over by then.",
         [claim("a"), commit("a"), wait(61), commit("a"), claim("b", "duplicate")]),
        ("commit-twice-renews-ttl", "The ttl is counted from the last commit.",
         [claim("a"), commit("a"), wait(599), commit("a"), wait(599), claim("b", "duplicate"), wait(2), claim("c")]),
        ("commit-twice-around-duplicate", "Another worker asks between the two.",
         [claim("a"), commit("a"), claim("b", "duplicate"), commit("a"), claim("c", "duplicate")]),
        ("release-twice", "A release that is repeated finds nothing.",
         [claim("a"), release("a"), release("a"), claim("b")]),
        ("release-five-times", "However often.",
         [claim("a"), release("a"), release("a"), release("a"), release("a"), release("a"), claim("b"), commit("b"),
          claim("c", "duplicate")]),
        ("release-twice-late", "The second one comes long after.", [claim("a"), release("a"), wait(601), release("a")]),
        ("release-after-commit", "A release never undoes a commit, not even its own.",
         [claim("a"), commit("a"), release("a", "claim_lost"), claim("b", "duplicate")]),
        ("release-after-commit-twice", "Repeated, it gets the same answer.",
         [claim("a"), commit("a"), release("a", "claim_lost"), release("a", "claim_lost"), claim("b", "duplicate")]),
        ("release-after-commit-keeps-ttl", "It makes the ttl neither longer nor shorter.",
         [claim("a"), commit("a"), wait(300), release("a", "claim_lost"), wait(299), claim("b", "duplicate"), wait(2),
          claim("c")]),
        ("commit-after-commit-and-release", "After it a commit is still ok.",
         [claim("a"), commit("a"), release("a", "claim_lost"), commit("a"), claim("b", "duplicate")]),
    ]  # fmt: skip


def after_release() -> list[Row]:
    """A worker that released, and then commits or releases once more."""
    return [
        ("commit-after-release", "Nobody was there in between: the handler did succeed.",
         [claim("a"), release("a"), commit("a"), claim("b", "duplicate")]),
        ("commit-after-release-has-a-ttl", "It is done for a whole ttl.",
         [claim("a"), release("a"), wait(30), commit("a"), wait(599), claim("b", "duplicate"), wait(2), claim("c")]),
        ("commit-after-release-then-release", "And a release does not undo it.",
         [claim("a"), release("a"), commit("a"), release("a", "claim_lost"), claim("b", "duplicate")]),
        ("commit-after-release-twice", "And it may be repeated.",
         [claim("a"), release("a"), commit("a"), commit("a"), claim("b", "duplicate")]),
        ("commit-after-release-other-in-progress", "Another worker holds the event, and goes on.",
         [claim("a"), release("a"), claim("b"), commit("a", "claim_lost"), claim("c", "in_progress"), commit("b"),
          claim("d", "duplicate")]),
        ("commit-after-release-other-done", "Another worker has settled the event.",
         [claim("a"), release("a"), claim("b"), commit("b"), commit("a", "claim_lost"), claim("c", "duplicate")]),
        ("commit-after-release-other-released", "Another worker gave it back, too; then that one is late.",
         [claim("a"), release("a"), claim("b"), release("b"), commit("a"), commit("b", "claim_lost"),
          release("b", "claim_lost"), claim("c", "duplicate")]),
        ("release-twice-other-in-progress", "The second release does not take the event from another worker.",
         [claim("a"), release("a"), claim("b"), release("a", "claim_lost"), claim("c", "in_progress"), commit("b"),
          claim("d", "duplicate")]),
        ("release-twice-other-done", "Nor does it undo another worker's commit.",
         [claim("a"), release("a"), claim("b"), commit("b"), release("a", "claim_lost"), claim("c", "duplicate")]),
        ("release-twice-other-released", "There is nothing to release.",
         [claim("a"), release("a"), claim("b"), release("b"), release("a"), release("b"), claim("c")]),
    ]  # fmt: skip


def lease_over() -> list[Row]:
    """A worker that took longer than its lease, and then commits."""
    return [
        ("late-commit", "Nobody took the event: the handler did succeed.",
         [claim("a"), wait(61), commit("a"), claim("b", "duplicate")]),
        ("late-commit-twice", "And it may be repeated.",
         [claim("a"), wait(61), commit("a"), commit("a"), claim("b", "duplicate")]),
        ("late-commit-then-release", "And a release does not undo it.",
         [claim("a"), wait(61), commit("a"), release("a", "claim_lost"), claim("b", "duplicate")]),
        ("late-commit-has-a-ttl", "Its ttl is counted from the commit.",
         [claim("a"), wait(601), commit("a"), wait(599), claim("b", "duplicate"), wait(2), claim("c")]),
        ("late-commit-other-in-progress", "Another worker holds the event, and goes on.",
         [claim("a"), wait(61), claim("b"), commit("a", "claim_lost"), claim("c", "in_progress"), commit("b"),
          claim("d", "duplicate")]),
        ("late-commit-twice-other-in-progress", "Repeated, it gets the same answer.",
         [claim("a"), wait(61), claim("b"), commit("a", "claim_lost"), commit("a", "claim_lost"), commit("b")]),
        ("late-commit-other-done", "Another worker has settled the event.",
         [claim("a"), wait(61), claim("b"), commit("b"), commit("a", "claim_lost"), commit("b"),
          claim("c", "duplicate")]),
        ("late-commit-does-not-renew-others", "And its ttl stays as it was.",
         [claim("a"), wait(61), claim("b"), commit("b"), wait(300), commit("a", "claim_lost"), wait(299),
          claim("c", "duplicate"), wait(2), claim("d")]),
        ("late-commit-other-done-and-expired", "What another worker settled is forgotten by now.",
         [claim("a"), wait(61), claim("b"), commit("b"), wait(601), commit("a"), claim("c", "duplicate"),
          commit("b", "claim_lost")]),
        ("late-commit-other-released", "Another worker gave the event back.",
         [claim("a"), wait(61), claim("b"), release("b"), commit("a"), claim("c", "duplicate")]),
        ("late-commit-other-late-too", "The lease of the other worker is over as well: the first commit wins.",
         [claim("a"), wait(61), claim("b"), wait(61), commit("a"), commit("b", "claim_lost"), claim("c", "duplicate")]),
        ("late-commit-other-late-and-first", "The same, but the other one is first.",
         [claim("a"), wait(61), claim("b"), wait(61), commit("b"), commit("a", "claim_lost"), claim("c", "duplicate")]),
        ("late-commits-of-three", "Three workers, one after the other; the last one holds the event.",
         [claim("a"), wait(61), claim("b"), wait(61), claim("c"), commit("a", "claim_lost"), commit("b", "claim_lost"),
          commit("c"), commit("a", "claim_lost"), commit("b", "claim_lost"), claim("d", "duplicate")]),
        ("late-commit-after-refused-claim", "Somebody asked in time, in vain, and did not take the event.",
         [claim("a"), wait(59), claim("b", "in_progress"), wait(2), commit("a"), claim("c", "duplicate")]),
    ]  # fmt: skip


def lease_over_and_release() -> list[Row]:
    """A worker that took longer than its lease, and then releases."""
    return [
        ("late-release", "Nobody took the event.", [claim("a"), wait(61), release("a"), claim("b")]),
        ("late-release-twice", "And it may be repeated.",
         [claim("a"), wait(61), release("a"), release("a"), claim("b")]),
        ("late-release-then-commit", "And then the handler did succeed.",
         [claim("a"), wait(61), release("a"), commit("a"), claim("b", "duplicate")]),
        ("late-release-other-in-progress", "It does not take the event from another worker.",
         [claim("a"), wait(61), claim("b"), release("a", "claim_lost"), claim("c", "in_progress"), commit("b"),
          claim("d", "duplicate")]),
        ("late-release-other-in-progress-lease", "Nor does it change that worker's lease.",
         [claim("a"), wait(61), claim("b"), wait(30), release("a", "claim_lost"), wait(29), claim("c", "in_progress"),
          wait(2), claim("d")]),
        ("late-release-other-done", "Nor does it undo another worker's commit.",
         [claim("a"), wait(61), claim("b"), commit("b"), release("a", "claim_lost"), claim("c", "duplicate")]),
        ("late-release-other-done-and-expired", "What another worker settled is forgotten by now.",
         [claim("a"), wait(61), claim("b"), commit("b"), wait(601), release("a"), claim("c")]),
        ("late-release-other-released", "There is nothing to release.",
         [claim("a"), wait(61), claim("b"), release("b"), release("a"), claim("c")]),
        ("late-release-other-late-too", "The lease of the other worker is over as well; that one still commits.",
         [claim("a"), wait(61), claim("b"), wait(61), release("a"), commit("b"), claim("c", "duplicate")]),
    ]  # fmt: skip


def ttl_over() -> list[Row]:
    """A worker that committed, and whose commit is forgotten by now."""
    return [
        ("commit-after-ttl", "It is written anew.",
         [claim("a"), commit("a"), wait(601), commit("a"), wait(599), claim("b", "duplicate"), wait(2), claim("c")]),
        ("commit-after-ttl-other-in-progress", "Another worker handles the event once more.",
         [claim("a"), commit("a"), wait(601), claim("b"), commit("a", "claim_lost"), claim("c", "in_progress"),
          commit("b"), claim("d", "duplicate")]),
        ("commit-after-ttl-other-done", "Another worker has settled it once more.",
         [claim("a"), commit("a"), wait(601), claim("b"), commit("b"), commit("a", "claim_lost"),
          claim("c", "duplicate")]),
        ("commit-after-ttl-other-released", "Another worker gave it back.",
         [claim("a"), commit("a"), wait(601), claim("b"), release("b"), commit("a"), claim("c", "duplicate")]),
        ("release-after-ttl", "It finds nothing.", [claim("a"), commit("a"), wait(601), release("a"), claim("b")]),
        ("release-after-ttl-other-in-progress", "It does not take the event from another worker.",
         [claim("a"), commit("a"), wait(601), claim("b"), release("a", "claim_lost"), claim("c", "in_progress"),
          commit("b")]),
        ("release-after-ttl-other-done", "Nor does it undo another worker's commit.",
         [claim("a"), commit("a"), wait(601), claim("b"), commit("b"), release("a", "claim_lost"),
          claim("c", "duplicate")]),
    ]  # fmt: skip


def several_events() -> list[Row]:
    """Events do not disturb each other."""
    return [
        ("two-events", "One is done, the other one in progress.",
         [claim("a"), claim("b", event=2), commit("a"), claim("c", "duplicate"), claim("d", "in_progress", event=2),
          commit("b", event=2), claim("e", "duplicate", event=2)]),
        ("two-events-release", "One is released, the other one stays.",
         [claim("a"), claim("b", event=2), release("a"), claim("c", "in_progress", event=2), claim("d"),
          release("b", event=2), claim("e", "in_progress"), claim("f", event=2)]),
        ("two-events-leases", "Each has a lease of its own.",
         [claim("a"), wait(30), claim("b", event=2), wait(31), claim("c", "in_progress", event=2), claim("d"), wait(30),
          claim("e", event=2), claim("f", "in_progress")]),
        ("two-events-ttls", "Each has a ttl of its own.",
         [claim("a"), commit("a"), wait(300), claim("b", event=2), commit("b", event=2), wait(301), claim("c"),
          claim("d", "duplicate", event=2), wait(300), claim("e", event=2)]),
        ("two-events-late-commit", "A late commit of one does not touch the other.",
         [claim("a"), claim("b", event=2), wait(61), claim("c", event=2), commit("a"),
          commit("b", "claim_lost", event=2), commit("c", event=2), claim("d", "duplicate"),
          claim("e", "duplicate", event=2)]),
        ("two-events-release-of-done", "A release of what is done does not touch the other.",
         [claim("a"), claim("b", event=2), commit("a"), release("a", "claim_lost"), claim("c", "in_progress", event=2),
          release("b", event=2), claim("d", "duplicate"), claim("e", event=2)]),
        ("three-events", "Three events in three states.",
         [claim("a"), claim("b", event=2), claim("c", event=3), commit("b", event=2), release("c", event=3),
          claim("d", "in_progress"), claim("e", "duplicate", event=2), claim("f", event=3), wait(61), claim("g"),
          claim("h", "duplicate", event=2), commit("f", event=3), claim("i", "duplicate", event=3)]),
    ]  # fmt: skip


def other_settings() -> list[Case]:
    """A ttl and a lease are what was set."""
    return [
        case(
            "settings-longest-lease",
            "A lease of an hour.",
            [claim("a"), wait(3599), claim("b", "in_progress"), wait(2), claim("c"), commit("a", "claim_lost")],
            ttl=86400,
            lease=3600,
        ),
        case(
            "settings-day",
            "A ttl of a day.",
            [claim("a"), commit("a"), wait(86399), claim("b", "duplicate"), wait(2), claim("c"), commit("c")],
            ttl=86400,
            lease=3600,
        ),
        case(
            "settings-lease-nearly-ttl",
            "A lease that is nearly as long as the ttl.",
            [claim("a"), wait(588), claim("b", "in_progress"), commit("a"), wait(590), claim("c", "duplicate"),
             wait(20), claim("d"), wait(580), claim("e", "in_progress"), wait(19), claim("f"),
             commit("d", "claim_lost")],
            ttl=600,
            lease=590,
        ),
    ]  # fmt: skip


def at_random() -> list[Case]:
    """Long sequences about three events, with a fixed seed; the model gives the answers."""
    return [
        case(f"random-{number:02d}", "A random sequence about three events.", random_steps(Random(number)))
        for number in range(20)
    ]


def random_steps(random: Random) -> list[Step]:
    def below(end: int) -> int:
        return int(random.random() * end)  # the one function whose results Python promises to keep

    store, granted, made = Store(TTL, LEASE), list[tuple[str, int]](), list[Step]()
    while len(made) < 60:
        do = ("claim", "claim", "claim", "commit", "commit", "release", "release", "wait")[below(8)]
        if do == "wait":
            ends = {entry.until - store.now for entry in store.entries.values()}
            waits = [seconds for seconds in (5, 20, 59, 61, 61, 599, 601) if seconds not in ends]
            made.append(wait(waits[below(len(waits))]))
            store.wait(made[-1]["seconds"])
            continue
        if do == "claim":
            name, event = f"c{len(made)}", 1 + below(3)
        elif granted:
            name, event = granted[-1 - below(min(6, len(granted)))]
        else:
            continue
        made.append(step(do, name, event, getattr(store, do)(event, name)))
        if do == "claim" and made[-1]["expect"] == "ok":
            granted.append((name, event))
    return made
