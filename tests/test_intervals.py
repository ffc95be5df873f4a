"""Medians, intervals and ranks: seeded, honest about few trials, and a tie where nothing is certain."""

import pytest

from sseproof import intervals
from sseproof.intervals import difference, interval, ranks, ratio, tellable


def blocks(*values):
    return dict(enumerate(values, 1))


def test_the_headline_is_the_median_and_never_the_best():
    found = interval([5.0, 1.0, 9.0, 7.0, 6.0])
    assert found.median == 6.0 and found.trials == 5
    assert 1.0 <= found.low < 6.0 < found.high <= 9.0


def test_the_same_seed_gives_the_same_interval_and_more_trials_a_narrower_one():
    few, many = [float(n) for n in range(10)], [float(n % 10) for n in range(200)]
    assert interval(few, seed=3) == interval(few, seed=3)
    assert interval(many).high - interval(many).low < interval(few).high - interval(few).low


def test_an_interval_holds_the_true_median_about_as_often_as_it_says():
    import numpy as np

    draw = np.random.default_rng(1)
    held = 0
    for n in range(100):
        found = interval(list(draw.normal(10, 2, 25)), seed=n)
        held += found.low <= 10 <= found.high
    assert 85 <= held <= 100


def test_one_trial_has_no_interval_and_none_no_value():
    assert interval([4.0]) == (4.0, 4.0, 4.0, 1)
    with pytest.raises(ValueError, match="no trial gave a value"):
        interval([])


def test_only_blocks_that_have_both_are_compared():
    assert difference({1: 5.0, 2: 7.0, 4: 1.0}, {1: 4.0, 2: 4.0, 3: 9.0}).median == 2.0
    assert ratio({1: 6.0, 2: 8.0}, {1: 2.0, 2: 0.0, 3: 1.0}) == (3.0, 3.0, 3.0, 1)
    assert difference({1: 1.0}, {2: 1.0}) is None and ratio({1: 1.0}, {2: 1.0}) is None


def test_pairs_of_a_block_tell_apart_what_the_whole_does_not():
    drift = [10.0, 20.0, 30.0, 40.0, 50.0]  # the machine gets slower; one server is always 1 faster
    one, other = blocks(*drift), blocks(*(value + 1 for value in drift))
    assert interval(list(one.values())).high > interval(list(other.values())).low
    assert ranks({"other": other, "one": one}) == {"one": (1, ()), "other": (2, ())}


def test_a_difference_that_may_be_0_is_a_tie():
    one, other = blocks(1, 2, 3, 4, 5), blocks(2, 1, 4, 3, 5)
    assert ranks({"a": one, "b": other}) == {"a": (1, ("b",)), "b": (1, ("a",))}


def test_a_tie_with_one_is_told_where_another_is_certainly_better():
    three = {
        "a": blocks(3.0, 3.1, 3.0, 3.1, 3.0),
        "b": blocks(2.9, 3.3, 3.3, 3.3, 3.3),
        "c": blocks(3.4, 3.4, 3.4, 3.4, 3.2),
    }
    assert ranks(three) == {"a": (1, ("b",)), "b": (1, ("a", "c")), "c": (2, ("b",))}


def test_blocks_that_one_alone_has_turn_no_rank_round():
    slow = blocks(1, 10, 11, 12, 13, 14)
    fast = {block: value - 0.1 for block, value in slow.items() if block > 1}
    assert interval(list(slow.values())).median < interval(list(fast.values())).median
    assert ranks({"slow": slow, "fast": fast}) == {"slow": (2, ()), "fast": (1, ())}


def test_who_is_certainly_after_another_never_shares_its_place():
    three = {
        "x": blocks(10.03, 9.923, 9.923, 10.041, 9.949, 10.019, 9.909),
        "a": blocks(10.063, 10.0, 10.186, 9.929, 10.017, 10.226, 10.104),
        "b": blocks(10.139, 10.056, 10.22, 9.977, 10.099, 9.906, 10.363),
    }
    # The differences of x and b hold 0; but x is before a, and a before b.
    assert ranks(three, seed=1) == {"x": (1, ()), "a": (2, ()), "b": (3, ())}


def test_servers_that_share_no_block_are_not_tied():
    one, other = blocks(3, 3, 3, 3, 3), {block + 5: 9.0 for block in range(1, 6)}
    assert ranks({"a": one, "b": other}) == {"a": (1, ()), "b": (1, ())}


def test_ranks_count_those_that_are_certainly_better():
    near, far = blocks(1, 2, 1, 2, 1), blocks(9, 9, 9, 9, 9)
    found = ranks({"far": far, "a": near, "b": blocks(2, 1, 2, 1, 2)})
    assert {name: each.place for name, each in found.items()} == {"far": 3, "a": 1, "b": 1}


def test_fewer_than_five_trials_rank_nobody():
    few = {block: float(block) for block in range(1, intervals.RANKED_FROM)}
    enough = blocks(100, 100, 100, 100, 100)
    assert ranks({"few": few, "enough": enough}) == {"few": (None, ()), "enough": (1, ())}


@pytest.mark.parametrize(
    ("quantile", "samples", "told"),
    [(0.5, 20, True), (0.5, 19, False), (0.99, 1000, True), (0.99, 999, False), (0.999, 10_000, True), (0.999, 9_999, False)],
)  # fmt: skip
def test_a_quantile_is_told_when_ten_samples_lie_beyond_it(quantile, samples, told):
    assert tellable(quantile, samples) is told
