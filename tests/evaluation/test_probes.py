"""Bags made for finding what others miss, written out."""

import torch

from permset.evaluation.probes import MORE_PADDING, lengthened, probes

A, B, C = [3.0, 1.0], [1.0, 5.0], [2.0, 4.0]


def test_bags_are_sorted_reversed_tied_and_equal_for_each_channel() -> None:
    [made] = probes([(torch.tensor([[A, B, C]]),)])
    assert made is not None
    [x] = made
    first = [[B, C, A], [A, C, B], [A, B, [3.0, 4.0]], [A, B, A]]
    second = [[A, C, B], [B, C, A], [A, B, [2.0, 1.0]], [A, B, A]]
    assert x.tolist() == first + second


def test_bags_of_two_objects_take_turns_and_padding_stays_in_its_place() -> None:
    """Of three bags the one of a single object is left out; its portion of the channels is the second one alone."""
    nan = [float("nan")] * 2
    x = torch.tensor([[A, nan, nan], [A, nan, B], [C, B, nan]])
    mask = ~x[..., 0].isnan()
    assert probes([(x[:1], mask[:1])]) == [None]
    [made] = probes([(x, mask)])
    assert made is not None
    places = [[True, False, True]] * 4 + [[True, True, False]] * 4
    assert made[1].tolist() == places
    objects = [bag[there].tolist() for bag, there in zip(*made, strict=True)]
    assert objects[:4] == [[B, A], [A, B], [A, [3.0, 5.0]], [A, A]], "the first channel, of the first bag of two"
    assert objects[4:] == [[C, B], [B, C], [C, [1.0, 4.0]], [C, C]], "the second, of the other"


def test_portions_share_the_channels_and_each_has_one() -> None:
    x = torch.randn(5, 4, 3)
    first, second = probes([(x,), (x,)])
    assert first is not None
    assert second is not None
    assert (len(first[0]), len(second[0])) == (8, 4), "channels 0 and 2, and channel 1"
    assert torch.equal(first[0][4], x[2][x[2, :, 2].argsort()])
    assert torch.equal(second[0][0], x[1][x[1, :, 1].argsort()])
    assert [len(made[0]) for made in probes([(x,)] * 4) if made] == [4] * 4


def test_more_padding_holds_objects_and_no_padding_is_added_to_none() -> None:
    x, mask = torch.randn(2, 2, 1), torch.tensor([[True, True], [True, False]])
    longer, more = lengthened((x, mask))
    assert longer.shape == (2, 2 + MORE_PADDING, 1)
    assert torch.equal(longer[:, :2], x)
    assert torch.equal(longer[:, 2:], x[:, [0, 1, 0]])
    assert more.tolist() == [[True, True, False, False, False], [True, False, False, False, False]]
    assert lengthened((x,)) == (x,)
