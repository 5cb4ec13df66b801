"""Arithmetic of a model, counted exactly."""

from small_study import SHAPE, new_model, new_setting

from msd.models.sizes import flops


def test_a_layer_costs_its_matrix_products() -> None:
    samples = new_setting().samples
    one, two, three = (flops(new_model(0, layers=layers).eval(), samples) for layers in (1, 2, 3))
    tokens = int(samples.lengths.sort().values[len(samples) // 2]) + samples.regions.shape[1]
    width, inner = SHAPE["width"], SHAPE["feed_forward"]
    projections, attention = 4 * width**2 + 2 * width * inner, 2 * tokens * width
    assert two - one == three - two == 2 * tokens * (projections + attention)
