"""Each distinct arrangement of a bag comes once."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from permset.symmetry.groups import PermutationGroup
from permset.symmetry.symmetrizers import (
    arrangements,
)


@given(st.lists(st.integers(0, 3), min_size=2, max_size=6), st.data())
@settings(max_examples=60)
def test_each_distinct_arrangement_comes_once(pattern: list[int], data: st.DataObject) -> None:
    n = len(pattern)
    generators = data.draw(st.lists(st.permutations(range(n)), min_size=1, max_size=2))
    group = PermutationGroup(generators)
    values = np.array(pattern)
    found = [tuple(values[p]) for block in arrangements(group, values, 5) for p in block]
    expected = {tuple(values[p]) for p in group.elements()}
    assert len(found) == len(set(found))
    assert set(found) == expected
