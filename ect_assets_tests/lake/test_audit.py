"""The audit log is only added to, by whoever, and forgets who has withdrawn."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from ect_assets.lake.audit import forget_subject, read_audit_log, record_events


def test_events_are_added_and_none_is_lost_when_several_add_at_once(lake):
    def add(number: int) -> None:
        record_events(lake, [("arrived", f"{number:03}", "complete")], simulated=True)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(24)))
    log = read_audit_log(lake)
    assert sorted(log.subject) == [f"{number:03}" for number in range(24)]
    assert log.event_id.is_unique


def test_nothing_is_written_where_nothing_happened(lake):
    record_events(lake, [], simulated=False)
    assert read_audit_log(lake).empty


def test_who_withdraws_is_forgotten_and_the_others_are_not(lake):
    record_events(lake, [("arrived", "001", "complete"), ("arrived", "002", "x")], simulated=False)
    forget_subject(lake, "001", "3 files were removed.", simulated=False)
    log = read_audit_log(lake)
    assert set(log.subject.dropna()) == {"002"}
    assert "001" not in " ".join(log.detail)
    assert list(log.event) == ["arrived", "arrived", "withdrawn"]
