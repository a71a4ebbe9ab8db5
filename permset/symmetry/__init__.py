"""The mathematics: permutation groups, linear layers, and ways to make any network respect a group."""
