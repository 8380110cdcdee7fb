"""The account of the stores' fault suite: gaps, losses, and the rows that are printed."""

from __future__ import annotations

import pytest

from tests.chaos.stores.account import Acknowledged, Table, Window, cost


def written(times: list[float], client: str = "a", connection: int = 0) -> list[Acknowledged]:
    return [Acknowledged(time, f"{client}.0.{connection}.{time}", client) for time in times]


def test_a_gap_is_the_longest_time_in_which_no_connection_could_write() -> None:
    writes = written([1, 2, 3, 9, 10]) + written([1.5, 6, 9.5], connection=1)

    found = cost(Window("redis", "fault", 2.5, 10.5), writes, [])

    assert (found.gap, found.connection_gap) == (3, 6)
    assert found.acknowledged == 5


def test_a_gap_begins_before_its_fault_and_may_last_to_the_end() -> None:
    assert cost(Window("redis", "fault", 5, 9), written([1, 2]), []).gap == 7


def test_a_gap_that_was_over_before_the_fault_does_not_count() -> None:
    assert cost(Window("redis", "fault", 10, 12), written([1, 9, 10.5, 11, 11.9]), []).gap == 1.5


def test_what_a_client_beyond_the_fault_could_not_write_is_no_gap_and_what_it_wrote_counts_as_lost() -> None:
    inside, outside = written([1, 2, 3, 4]), written([1.1, 2.1], client="b")
    window = Window("redis", "node cut", 2, 4.5, beyond="b")

    found = cost(window, inside + outside, [outside[1].key])

    assert (found.gap, found.acknowledged, found.lost) == (1, 4, 1)


def test_a_loss_counts_for_the_fault_in_whose_time_it_was_acknowledged() -> None:
    writes = written([1, 2, 3])

    found = [
        cost(Window("redis", "fault", began, began + 1), writes, [writes[1].key]).lost for began in (1, 2, 3)
    ]

    assert found == [0, 1, 0]


def test_the_time_since_the_node_was_known_to_be_off_ends_with_the_gap() -> None:
    found = cost(Window("postgres", "node off", 2, 20, known=3), written([1, 2, 8, 9, 10, 15, 19]), [])

    assert found.since_known == 5


def test_searches_and_health_are_those_of_the_window() -> None:
    observations = [(1.0, "red"), (2.0, "search"), (3.0, "red"), (6.0, "search"), (7.0, "yellow")]

    found = cost(Window("elasticsearch", "fault", 2.5, 8), written([2, 3, 4, 5, 6, 7]), [], observations)

    assert (found.search_gap, found.red) == (4, 1)


def test_a_row_has_the_median_and_the_worst_of_its_rounds() -> None:
    table = Table()
    for end in (5, 6, 10):
        table.costs.append(cost(Window("redis", "fault", 3, end + 1), written([3, end]), []))

    (row,) = table.rows()

    assert row["rounds"] == 3
    assert row["gap"] == {"median": 3, "worst": 7}
    assert row["acknowledged"] == 6
    assert "3.00 s   7.00" in table.lines()[1]


@pytest.mark.parametrize("lost", [0, 2])
def test_the_table_adds_up_what_was_lost(lost: int) -> None:
    writes = written([1, 2, 3])
    table = Table([cost(Window("redis", "fault", 1, 4), writes, [each.key for each in writes[:lost]])])

    assert table.rows()[0]["lost"] == lost
