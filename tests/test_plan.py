"""What a run does: scenarios read and refused, servers in the same blocks, an order by chance that a seed repeats."""

from collections import Counter
from pathlib import Path

import pytest

from sseproof import plan

SERVERS = ["a_one", "b_two", "c_three"]
GOOD = """
[scenarios.cast]
file = "cast.py"
shows = "this"
cases = ["test_x::test_all"]
[scenarios.cast.transports]
sse = { cases = ["test_x::test_sse"] }
poll-1s = { transport = "poll", options = ["--poll-every", "1"] }
poll-5s = { transport = "poll", options = ["--poll-every", "5"] }
[scenarios.cast.profiles.quick]
users = 5
spawn_rate = 10
warm_up_s = 1
measure_s = 2
drain_s = 0.5
[scenarios.cast.profiles.quick.transports]
sse = { trials = 3 }
poll-1s = { drain_s = 1.5 }
[scenarios.cast.profiles.full]
users = 5
spawn_rate = 10
warm_up_s = 1
measure_s = 2
trials = 5
"""


@pytest.fixture
def scenarios(tmp_path):
    (tmp_path / "cast.py").touch()
    return read(tmp_path, GOOD)


def read(folder, text):
    path = folder / "scenarios.toml"
    path.write_text(text)
    return plan.read(path)


def test_a_trial_has_its_transports_numbers_options_and_cases(scenarios):
    found = {trial.way.name: trial for trial in plan.choose(scenarios, "quick", SERVERS, seed=1)}
    assert set(found) == {"sse", "poll-1s"}
    assert found["sse"].way.cases == ("test_x::test_all", "test_x::test_sse")
    assert (found["sse"].load.drain_s, found["sse"].load.seconds) == (0.5, 4.0)
    assert (found["poll-1s"].way.transport, found["poll-1s"].way.options) == ("poll", ("--poll-every", "1"))
    assert (found["poll-1s"].load.drain_s, found["poll-1s"].load.trials) == (1.5, 1)


def test_all_servers_of_a_way_are_in_the_same_blocks(scenarios):
    trials = plan.choose(scenarios, "quick", SERVERS, seed=5)
    blocks = Counter((trial.block, trial.way.name) for trial in trials)
    assert [blocks[block, "sse"] for block in (1, 2, 3)] == [3, 3, 3]
    assert [n for (_, way), n in blocks.items() if way == "poll-1s"] == [3]
    assert [trial.number for trial in trials] == list(range(1, 13))
    assert [trial.block for trial in trials] == sorted(trial.block for trial in trials)


def test_a_way_with_fewer_trials_is_in_any_of_the_blocks(scenarios):
    chosen = (plan.choose(scenarios, "quick", ["a_one"], seed=seed) for seed in range(30))
    assert {trial.block for trials in chosen for trial in trials if trial.way.name == "poll-1s"} == {1, 2, 3}


def test_the_order_is_by_chance_and_a_seed_repeats_it(scenarios):
    def order(seed):
        return [(t.server, t.way.name) for t in plan.choose(scenarios, "full", SERVERS, seed=seed)]

    assert order(1) == order(1)
    assert len({tuple(order(seed)) for seed in range(10)}) == 10
    assert len({tuple(order(1)[block * 9 : block * 9 + 9]) for block in range(5)}) == 5


def test_a_transport_means_every_way_of_it_and_a_ways_name_that_one(scenarios):
    def ways(*transports):
        chosen = plan.choose(scenarios, "quick", SERVERS, transports=transports, seed=1)
        return {trial.way.name for trial in chosen}

    assert ways("poll") == {"poll-1s"}
    assert ways("poll-5s") == {"poll-5s"}  # though the profile leaves it out
    assert ways("sse", "poll-5s") == {"sse", "poll-5s"}


def test_a_door_adds_to_each_way_the_same_one_in_the_same_blocks(scenarios):
    blocks = {}
    for trial in plan.choose(scenarios, "quick", SERVERS, doors=["nginx"], seed=3):
        blocks.setdefault((trial.way.name, trial.way.door, trial.server), []).append(trial.block)
    for way in ("sse", "poll-1s"):
        for server in SERVERS:
            assert blocks[way, "", server] == blocks[f"{way}@nginx", "nginx", server] != []


def test_a_broker_is_for_what_is_published(tmp_path):
    def ways(text):
        (tmp_path / "cast.py").touch()
        found = plan.choose(read(tmp_path, text), "quick", SERVERS, doors=["redis"], seed=1)
        return {trial.way.name for trial in found}

    with pytest.raises(plan.PlanError, match="nothing is published in the scenarios chosen"):
        ways(GOOD)
    assert ways(GOOD.replace("users = 5", "users = 5\npublish_rate = 9")) == {
        "sse",
        "sse@redis",
        "poll-1s",
        "poll-1s@redis",
    }


def test_trials_go_before_the_profiles(scenarios):
    trials = plan.choose(scenarios, "quick", ["a_one"], trials=2, seed=1)
    assert Counter(trial.way.name for trial in trials) == {"sse": 2, "poll-1s": 2}
    assert {trial.load.trials for trial in trials} == {2}


@pytest.mark.parametrize(
    ("choice", "told"),
    [
        ({"profile": "quik"}, "there is no profile 'quik'; did you mean quick?"),
        ({"names": ["cas"]}, "there is no scenario 'cas'; did you mean cast?"),
        ({"names": ["zzz"]}, "there is no scenario 'zzz'; there are cast"),
        ({"transports": ["pol"]}, "there is no transport 'pol'; did you mean poll"),
        (
            {"profile": "soak", "names": ["cast"]},
            "scenario cast has no profile 'soak'; there are full, quick",
        ),
        ({"profile": "soak"}, "nothing is left to measure"),
    ],
)
def test_a_wrong_choice_is_told_with_what_is_near(scenarios, choice, told):
    given = {"profile": "quick", **choice}
    with pytest.raises(plan.PlanError) as caught:
        plan.choose(scenarios, given.pop("profile"), SERVERS, seed=1, **given)
    assert told in str(caught.value)


def test_a_scenario_whose_file_is_missing_is_told_when_it_is_asked_for(tmp_path):
    scenarios = read(tmp_path, GOOD)
    with pytest.raises(plan.PlanError, match=r"scenario cast has no file: cast\.py is not there"):
        plan.choose(scenarios, "quick", SERVERS, names=["cast"], seed=1)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("[scenarios.cast]", "[scenarios.cast", "scenarios.toml: "),
        ("[scenarios.cast]", "[scenario.cast]", "there is no 'scenario'; did you mean scenarios?"),
        ('shows = "this"', 'show = "this"', "scenarios.cast: there is no 'show'; did you mean shows?"),
        ('file = "cast.py"', "", "scenarios.cast: file is missing"),
        ('transport = "poll"', 'transport = "pol"', "there is no 'pol'; did you mean poll"),
        ("sse = { trials", "ssse = { trials", "profiles.quick.transports: there is no 'ssse'; did you mean sse?"),
        ("profiles.full", "profiles.ful", "there is no 'ful'; did you mean full?"),
        ("users = 5", "user = 5", "for sse: there is no 'user'; did you mean users?"),
        ("users = 5", "", "quick for sse: users is missing"),
        ("users = 5", "users = 0", "users is 0, expected a whole number above 0"),
        ("users = 5", "users = 2.5", "users is 2.5, expected a whole number above 0"),
        ("measure_s = 2", "measure_s = '2'", "measure_s is '2', expected a number above 0"),
        ("warm_up_s = 1", "warm_up_s = -1", "warm_up_s is -1, expected a number from 0"),
        ("trials = 3", "trials = 0", "trials is 0, expected a whole number above 0"),
        ('shows = "this"', 'shows = "this"\nallows = ["los"]', "there is no 'los'; did you mean loss?"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_right_is_told(tmp_path, old, new, told):
    assert old in GOOD
    with pytest.raises(plan.PlanError) as caught:
        read(tmp_path, GOOD.replace(old, new, 1))
    assert told in str(caught.value)


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(plan.PlanError, match=r"scenarios\.toml: .*No such file"):
        plan.read(tmp_path / "scenarios.toml")


def test_the_projects_quick_profile_is_short_and_claims_no_ranking():
    root = Path(__file__).parent.parent
    scenarios = plan.read(root / "loadtest" / "scenarios.toml")
    servers = [f"{letter}_server" for letter in "abcdef"]
    trials = plan.choose(scenarios, "quick", servers, seed=1)
    assert {trial.way.transport for trial in trials} == set(plan.TRANSPORTS)
    assert max(trial.load.trials for trial in trials) < 5
    assert (
        sum(trial.load.seconds for trial in trials) + 1.5 * len(trials) < 210
    )  # spawning is faster than its rate
