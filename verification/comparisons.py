"""How often comparisons call a difference between two methods that are equally good, and between two that are not.

    python -m verification.comparisons        # 20 pairs of each kind, in a minute or two
    python -m verification.comparisons 100    # as many as you like

Bags are planted with three independent channels, the first two of which tell as much of the class and the third less.
A method is a small DeepSet that sees one channel. It is compared with the same network from other seeds, with one that
sees the other channel that tells as much, and, as a control, with one that sees the weaker channel. Networks are tested
on common bags after training on fresh ones, or on the folds of a collection, which is another one for each pair.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial

import torch
from tqdm import tqdm

from permset.config.data import FoldsParams
from permset.data.bags import Bags, Collection
from permset.data.batches import Split
from permset.data.drawn import Fresh
from permset.data.randomness import generator
from permset.data.splits import TEST, TRAINING, roles
from permset.evaluation.comparisons import REGION, Chances, correlated_t, posterior
from permset.evaluation.intervals import Scores
from permset.evaluation.metrics import scores
from permset.networks.networks import DeepSet
from permset.training.run import outputs_on_bags
from permset.training.settings import Settings
from permset.training.stack import of_seed, predict
from permset.training.train import train_seeds

OBJECTS = 5
# By how much the means of the two classes' objects differ from zero: the best possible accuracy is 80% or 70%.
MEANS = 0.376, 0.376, 0.234
SETTINGS = Settings(steps=150, batch_size=32, learning_rate=0.01, schedule="cosine")
SEEDS, TEST_BAGS = 8, 1000
FOLDS, COLLECTED_BAGS = 10, 200
BUILD = partial(DeepSet, 1, [4], [])
# What a method sees, and from which seed of a pair its seeds start.
FIRST = 0, 0
RIVALS = {"the same, other seeds": (0, 1), "another, as good": (1, 0), "a weaker one": (2, 0)}

# The rule, and what would come of it without its region and, as a second control, without its correlation.
RULES: dict[str, Callable[[Scores, Scores], Chances]] = {
    "rule": lambda first, rival: posterior(first, rival).chances(REGION),
    "without region": lambda first, rival: posterior(first, rival).chances(0.0),
    "without correlation either": lambda first, rival: correlated_t(first.values - rival.values).chances(0.0),
}

Method = tuple[int, int]
Rivals = dict[str, tuple[Scores, Scores]]


def sample(count: int, draws: torch.Generator, channel: int) -> Bags:
    """Bags of which the method sees one channel, half of them of each class."""
    labels = torch.arange(count) % 2
    x = torch.randn(count, OBJECTS, len(MEANS), generator=draws) + (2 * labels[:, None, None] - 1) * torch.tensor(MEANS)
    return Bags(x[..., channel : channel + 1], labels.float().unsqueeze(-1))


def on_common_bags(pairs: int) -> Iterator[Rivals]:
    """All networks of a method are trained at once; each pair has its own networks and test bags."""
    states = {}
    for channel, start in (FIRST, *RIVALS.values()):
        seeds = range(start * pairs * SEEDS, (start + 1) * pairs * SEEDS)
        fresh = Fresh(partial(sample, channel=channel))
        states[channel, start] = train_seeds(BUILD, fresh, SETTINGS, seeds, name=None).state

    def tested(method: Method, pair: int) -> Scores:
        test = sample(TEST_BAGS, generator(pair, "test"), method[0])
        own = {name: weights[pair * SEEDS : (pair + 1) * SEEDS] for name, weights in states[method].items()}
        return scores([(outputs, test.y) for outputs in predict(BUILD(), own, test.x)])

    for pair in range(pairs):
        yield {name: (tested(FIRST, pair), tested(rival, pair)) for name, rival in RIVALS.items()}


def on_folds(pairs: int) -> Iterator[Rivals]:
    for pair in range(pairs):
        tested = partial(scores_of_folds, pair=pair)
        first = tested(FIRST)
        yield {name: (first, tested(rival)) for name, rival in RIVALS.items()}


def scores_of_folds(method: Method, pair: int) -> Scores:
    channel, start = method
    bags = sample(COLLECTED_BAGS, generator(pair, "collection"), channel)
    collection = Collection(bags.x.flatten(0, 1), torch.full((len(bags),), OBJECTS), bags.y)
    folds = FoldsParams(kind="folds", folds=FOLDS, repeats=1, validation=0.1, seed=0)
    split = Split(collection, torch.from_numpy(roles(bags.y.numpy(), folds, ["0", "1"])).long())
    state = train_seeds(BUILD, split, SETTINGS, range(start * FOLDS, (start + 1) * FOLDS), name=None).state
    overlap = float((split.roles == TEST).sum() / (split.roles == TRAINING).sum())
    network = BUILD()
    of_folds = [
        outputs_on_bags(network, of_seed(state, fold), collection, split.bags_of(fold, TEST)) for fold in range(FOLDS)
    ]
    return scores(of_folds, overlap=overlap)


def verdicts(rivals: Callable[[int], Iterator[Rivals]], pairs: int) -> dict[str, dict[str, Counter[str]]]:
    """Of each kind of pair, and by each rule, how often each verdict came about."""
    found = {name: {rule: Counter[str]() for rule in RULES} for name in RIVALS}
    for compared in tqdm(rivals(pairs), total=pairs, leave=None, disable=None):
        for name, (first, rival) in compared.items():
            for rule, chances in RULES.items():
                found[name][rule][chances(first, rival).verdict] += 1
    return found


def main(pairs: int = 20) -> None:
    print(f"How often of {pairs} pairs a difference is called:")
    for tested_on, rivals in (("common test bags", on_common_bags), ("folds", on_folds)):
        for name, by_rule in verdicts(rivals, pairs).items():
            called = (f"{rule} {found['better'] + found['worse']}" for rule, found in by_rule.items())
            print(f"{tested_on}, {name}: {', '.join(called)}; {by_rule['rule']['equal']} are called equal", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
