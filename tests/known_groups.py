"""Groups of small degree, on which what holds for every group is tried."""

from permset.symmetry.groups import PermutationGroup

GROUPS = {
    "S_5": PermutationGroup.symmetric(5),
    "C_6": PermutationGroup.cyclic(6),
    "D_4": PermutationGroup.dihedral(4),
    "S_2 × S_3": PermutationGroup.blocks([2, 3]),
    "trivial": PermutationGroup.trivial(3),
    "S_1": PermutationGroup.symmetric(1),
}
