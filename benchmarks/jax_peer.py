"""The same training in JAX, as one would write it there: jit of a scan over steps of a vmap over seeds.

JAX is optional: pip install -e .[bench]. The network, the loss, Adam and the generator of bags are those of permset's
DeepSet on unit_sum; the random numbers are JAX's own.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax, random

SET_SIZE, SUBSET_SIZES, WIDTHS = 10, (3, 5), ((1, 5), (5, 5), (5, 1), (1, 5), (5, 1))
BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8

Weights = list[tuple[Array, Array]]


def initialise(key: Array) -> Weights:
    """Uniform weights, as torch draws them, and biases of zero."""
    keys = random.split(key, len(WIDTHS))
    shapes = zip(keys, WIDTHS, strict=True)
    return [(random.uniform(k, (a, b), minval=-(a**-0.5), maxval=a**-0.5), jnp.zeros(b)) for k, (a, b) in shapes]


def draw(key: Array, sets: int) -> tuple[Array, Array]:
    """Knuth's selection sampling, object by object."""
    labels = jnp.arange(sets) % 2
    wanted = jnp.array(SUBSET_SIZES, jnp.float32)[labels]
    value, columns = 1 / wanted, []
    for j, u in enumerate(random.uniform(key, (SET_SIZE, sets))):
        taken = (u * (SET_SIZE - j) < wanted).astype(jnp.float32)
        wanted = wanted - taken
        columns.append(taken * value)
    return jnp.stack(columns, 1)[..., None], labels.astype(jnp.float32)


def loss(weights: Weights, x: Array, y: Array) -> Array:
    for weight, bias in weights[:2]:
        x = jnp.tanh(x @ weight + bias)
    x = (x @ weights[2][0] + weights[2][1]).sum(-2)
    x = jnp.tanh(x @ weights[3][0] + weights[3][1])
    logits = (x @ weights[4][0] + weights[4][1])[..., 0]
    return (jax.nn.softplus(logits) - y * logits).mean()


def train(steps: int, batch_size: int, learning_rate: float, key: Array) -> tuple[Weights, Array]:
    """One network; the losses of all steps."""
    start, batches = random.split(key)
    weights = initialise(start)
    zeros = jax.tree.map(jnp.zeros_like, weights)

    def step(state: Any, inputs: tuple[Array, Array]) -> tuple[Any, Array]:
        weights, mean, square = state
        count, key = inputs
        value, gradient = jax.value_and_grad(loss)(weights, *draw(key, batch_size))
        mean = jax.tree.map(lambda m, g: BETA_1 * m + (1 - BETA_1) * g, mean, gradient)
        square = jax.tree.map(lambda s, g: BETA_2 * s + (1 - BETA_2) * g * g, square, gradient)

        def update(w: Array, m: Array, s: Array) -> Array:
            return w - learning_rate * (m / (1 - BETA_1**count)) / (jnp.sqrt(s / (1 - BETA_2**count)) + EPSILON)

        return (jax.tree.map(update, weights, mean, square), mean, square), value

    counts = jnp.arange(1, steps + 1, dtype=jnp.float32)
    (weights, _, _), losses = lax.scan(step, (weights, zeros, zeros), (counts, random.split(batches, steps)))
    return weights, losses


def trainer(steps: int, batch_size: int, learning_rate: float, seeds: int) -> Callable[[], Array]:
    """Trains that many seeds at once, already compiled; gives the losses (seeds, steps)."""
    run = jax.jit(jax.vmap(partial(train, steps, batch_size, learning_rate)))
    keys = random.split(random.key(0), seeds)
    run(keys)[1].block_until_ready()
    return lambda: run(keys)[1].block_until_ready()
