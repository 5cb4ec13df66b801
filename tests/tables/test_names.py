"""Which tables a study has follows from its methods."""

from msd.tables.names import combined_pairs, table_names, weighting_pairs

PLAIN = ["finetune", "kd", "rkd"]


def test_a_table_without_methods_is_not_made():
    assert not {"weighting", "combined"} & set(table_names([*PLAIN, "msd-uniform", "msd-swapped"], []))
    assert not weighting_pairs(["msd-instance", "msd-learned"])  # nothing unweighted to hold them against


def test_learned_weights_are_held_against_every_scheme():
    methods = ["msd-uniform", "msd-instance", "msd-learned"]
    uniform, instance, learned = methods
    expected = [(uniform, None), (instance, uniform), (learned, uniform), (learned, instance)]
    assert weighting_pairs(methods) == expected
    assert weighting_pairs(methods[:2])[-1] == ("msd-instance", "msd-uniform")


def test_methods_with_msd_on_top_come_in_pairs():
    methods = [*PLAIN, "rkd+msd", "sp+msd"]
    assert combined_pairs(methods) == [("rkd", None), ("rkd+msd", "rkd")]
    assert "combined" in table_names(methods, [])


def test_thresholds_are_a_matter_of_several_labels():
    assert "thresholds" in table_names(PLAIN, ["binary", "multilabel"])
    assert "thresholds" not in table_names(PLAIN, ["binary", "vqa"])
