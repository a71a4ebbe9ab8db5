"""Tests that a model fails if it learns from bags what is not so (Raff & Holt 2023, arXiv:2310.17867)."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from permset.config.kinds import MILTestKind
from permset.data.bags import Bags
from permset.data.drawn import Drawn, alternating
from permset.data.randomness import generator as stream
from permset.data.targets import BINARY, Binary

FOUND = 3
"""most objects of a concept, or most pairs, in a positive bag"""
FREQUENT = 35, 44
"""objects of one concept in a negative test bag of `false_frequency`"""
ONE_CONCEPT = [(0.0, 1.0), (0.0, 3.0), (1.0, 1.0), (-10.0, 0.1), (0.0, 0.0)]
TWO_CONCEPTS = [(0.0, 1.0), (2.0, 0.1), (3.0, 0.1), (-10.0, 0.1), (0.0, 0.0)]
"""mean and deviation of all channels: background, the first concept, the second one, poison, padding"""


@dataclass(frozen=True)
class MILTest(Drawn):
    """Bags of background objects, among which objects of a concept decide; test bags break a rule that is none.

    `one_concept`: a bag is positive if it has an object of the concept, of either kind. `two_concepts`: if it has
    objects of both; a negative bag has one object of one. In training every negative bag has a poisoned object besides,
    which says nothing of its label: in the test it is every positive bag that has one. `false_frequency`: a positive
    bag has one object of each concept, a negative one has a single object of one, but 35 to 44 of them in the test.

    Adding objects of a concept, or poison, cannot make a positive bag negative. A model that learns that poison does,
    or counts objects without telling concepts apart, is right in training, and in the test its AUC is below 1/2.

    Distributions are those of torchmil's sc_standard, mc_standard and false_frequency. Other than there, the background
    has 1 to `background` objects in all tests, so that the size of a bag does not give its label away, and a negative
    bag of `false_frequency` may have either concept.
    """

    test: MILTestKind = "one_concept"
    channels: int = 16
    background: int = 10
    target: ClassVar[Binary] = BINARY

    def sample(self, num_sets: int, generator: torch.Generator) -> Bags:
        return self._draw(num_sets, generator, tested=False)

    def test_set(self) -> Bags:
        return self._draw(self.test_sets, stream(self.test_seed, "test"), tested=True)

    @property
    def set_size(self) -> int:
        """Objects of the largest bag, which is one of the test."""
        return self._largest(tested=True)

    def _draw(self, num_sets: int, generator: torch.Generator, tested: bool) -> Bags:
        device, size = generator.device, self._largest(tested)
        labels = alternating(num_sets, device)
        ends = self._counts(labels.bool(), tested, generator).cumsum(1)
        kinds = (torch.arange(size, device=device)[:, None] >= ends[:, None]).sum(-1)
        # In random order, and padding last.
        places = torch.rand(kinds.shape, generator=generator, device=device) + (kinds == ends.shape[1])
        kinds = kinds.gather(1, places.argsort(dim=1, stable=True))
        table = torch.tensor(ONE_CONCEPT if self.test == "one_concept" else TWO_CONCEPTS, device=device)
        mean, deviation = table[kinds].unsqueeze(-1).unbind(-2)
        noise: Float[Tensor, "sets n c"] = torch.randn(*kinds.shape, self.channels, generator=generator, device=device)
        return Bags(mean + deviation * noise, labels.float().unsqueeze(-1), kinds < ends.shape[1])

    def _counts(
        self, positive: Bool[Tensor, " sets"], tested: bool, generator: torch.Generator
    ) -> Int[Tensor, "sets kinds"]:
        """Objects of each kind in each bag: background, the first concept, the second one, poison."""

        def between(low: int, high: int) -> Int[Tensor, " sets"]:
            return torch.randint(low, high + 1, positive.shape, generator=generator, device=positive.device)

        background, coin = between(1, self.background), between(0, 1)
        poison = (positive == tested).long()
        match self.test:
            case "one_concept":
                found = between(1, FOUND) * positive
                first = torch.stack([between(0, 1) * (found > i) for i in range(FOUND)]).sum(0)
                second = found - first
            case "two_concepts":
                pairs = between(1, FOUND)
                first, second = torch.where(positive, pairs, coin), torch.where(positive, pairs, 1 - coin)
            case "false_frequency":
                many = between(*FREQUENT) if tested else 1
                first, second = torch.where(positive, 1, coin * many), torch.where(positive, 1, (1 - coin) * many)
                poison = 0 * poison
        return torch.stack([background, first, second, poison], 1)

    def _largest(self, tested: bool) -> int:
        """Objects of the largest bag."""
        match self.test:
            case "one_concept":
                return self.background + FOUND + tested
            case "two_concepts":
                return self.background + 2 * FOUND + tested
            case "false_frequency":
                return self.background + (FREQUENT[1] if tested else 2)
