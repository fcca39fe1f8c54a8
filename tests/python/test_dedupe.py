"""LruDedupe, asked directly."""

from __future__ import annotations

import puck_webhooks as puck
import pytest
from deliveries import EVENT_ID, event_id, refused


def stats_of(store: puck.LruDedupe) -> dict[str, int]:
    stats = store.stats()
    names = ("claims", "duplicates", "contended", "early_evictions", "expired_leases", "done", "in_progress")
    return {name: value for name in names if (value := getattr(stats, name))}


def test_absent_in_progress_done() -> None:
    store = puck.LruDedupe(4)
    claim = store.claim(EVENT_ID)
    assert claim.event_id == EVENT_ID
    assert not store.seen(EVENT_ID)
    with refused("in_progress"):
        store.claim(EVENT_ID)
    store.commit(claim)
    assert store.seen(EVENT_ID)
    with refused("duplicate"):
        store.claim(EVENT_ID)
    assert stats_of(store) == {"claims": 1, "contended": 1, "duplicates": 1, "done": 1}


def test_what_was_released_is_absent() -> None:
    store = puck.LruDedupe(4)
    store.release(store.claim(EVENT_ID))
    assert not store.seen(EVENT_ID)
    store.commit(store.claim(EVENT_ID))
    assert store.seen(EVENT_ID)


def test_a_repeated_call_gives_the_same_answer() -> None:
    store = puck.LruDedupe(4)
    claim = store.claim(EVENT_ID)
    for _ in range(2):
        store.commit(claim)
    for _ in range(2):
        with refused("claim_lost") as caught:
            store.release(claim)
        assert caught.value.detail.startswith("The event is done, or another claim holds it")
    assert store.seen(EVENT_ID)
    released = store.claim(event_id(1))
    for _ in range(2):
        store.release(released)
    assert not store.seen(event_id(1))
    store.commit(released)  # the handler did succeed
    assert store.seen(event_id(1))


@pytest.mark.parametrize("settle", ["commit", "release"])
def test_a_claim_of_an_earlier_time(settle: str) -> None:
    store = puck.LruDedupe(4)
    old = store.claim(EVENT_ID)
    store.release(old)
    mine = store.claim(EVENT_ID)
    with refused("claim_lost"):
        getattr(store, settle)(old)
    with refused("in_progress"):
        store.claim(EVENT_ID)
    store.commit(mine)
    with refused("claim_lost"):
        getattr(store, settle)(old)


def test_an_id_is_the_same_in_upper_case() -> None:
    store = puck.LruDedupe(4)
    claim = store.claim(EVENT_ID.upper())
    assert claim.event_id == EVENT_ID
    with refused("in_progress"):
        store.claim(EVENT_ID)
    store.commit(claim)
    assert store.seen(EVENT_ID.upper())


def test_a_store_full_of_work_takes_no_more() -> None:
    store = puck.LruDedupe(1)
    claim = store.claim(event_id(1))
    with refused("store_full"):
        store.claim(event_id(2))
    store.commit(claim)
    store.commit(store.claim(event_id(2)))
    assert (store.seen(event_id(1)), store.seen(event_id(2))) == (False, True)
    assert store.stats().early_evictions == 1


def test_what_was_used_least_recently_makes_room() -> None:
    store = puck.LruDedupe(2)
    for n in (1, 2):
        store.commit(store.claim(event_id(n)))
    with refused("duplicate"):
        store.claim(event_id(1))  # uses it
    store.commit(store.claim(event_id(3)))
    assert [store.seen(event_id(n)) for n in (1, 2, 3)] == [True, False, True]


@pytest.mark.parametrize(
    "settings",
    [
        {"capacity": 0},
        {"capacity": 2**26 + 1},
        {"ttl": 599},
        {"ttl": 0},
        {"ttl": 2_592_001},
        {"lease": 0},
        {"lease": 3601},
        {"ttl": 600, "lease": 600},
        {"capacity": -1},
        {"ttl": -1},
        {"lease": -1},
        {"capacity": 10**30},
        {"ttl": 10**30},
        {"lease": -(10**30)},
        {"capacity": 2**63},
        {"ttl": 2**64 + 600},
    ],
)
def test_settings_out_of_bounds(settings: dict[str, int]) -> None:
    with pytest.raises(ValueError):
        puck.LruDedupe(**settings)


@pytest.mark.parametrize(
    "settings",
    [{}, {"capacity": 1}, {"ttl": 600}, {"ttl": 2_592_000}, {"lease": 1}, {"lease": 3600}, {"ttl": 600, "lease": 599}],
)
def test_settings_within_them(settings: dict[str, int]) -> None:
    store = puck.LruDedupe(**settings)
    store.commit(store.claim(EVENT_ID))
    assert store.seen(EVENT_ID)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        EVENT_ID[:-1],
        EVENT_ID + "\n",
        "{" + EVENT_ID + "}",
        "\ud800",
        "é" * 18,
    ],
)
def test_what_is_no_id(text: str) -> None:
    store = puck.LruDedupe(4)
    for call in (store.claim, store.seen):
        with pytest.raises(ValueError, match="UUID") as caught:
            call(text)
        assert not isinstance(caught.value, UnicodeError)


@pytest.mark.parametrize("text", ["00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"])
def test_the_nil_and_the_max_uuid_are_ids_to_a_store(text: str) -> None:
    """That no event has them is a rule of the envelope."""
    store = puck.LruDedupe(4)
    claim = store.claim(text)
    assert claim.event_id == text
    store.commit(claim)
    assert store.seen(text)


def test_a_store_says_how_long_it_remembers() -> None:
    assert (puck.LruDedupe(4).ttl, puck.LruDedupe(4, ttl=600).ttl) == (86_400, 600)
    with pytest.raises(AttributeError):
        puck.LruDedupe(4).ttl = 10**9  # type: ignore[misc]


@pytest.mark.parametrize("thing", [None, EVENT_ID.encode(), 1, [EVENT_ID], object()])
def test_what_is_no_text(thing: object) -> None:
    store = puck.LruDedupe(4)
    for call in (store.claim, store.seen, store.commit, store.release):
        with pytest.raises(TypeError):
            call(thing)


def test_it_can_be_checked_and_closed_as_every_store() -> None:
    """A program whose store is a text may be given memory: as well."""
    store = puck.LruDedupe(4)
    claim = store.claim(event_id(0))
    store.check()
    store.close()
    store.commit(claim)
    assert store.seen(event_id(0))
