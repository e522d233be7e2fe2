"""A derivative by hand in reverse mode, and JAX's own in forward mode."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqlab.core.derivatives import custom_derivative

CALLS: list[str] = []


def product(x: Any, y: Any, mask: Any) -> Any:
    """A loop, as what this is for has one: x_t' = x y_t where the mask says so."""

    def step(x: Any, at: Any) -> Any:
        y, is_on = at
        x = jnp.where(is_on, x * jnp.sin(y), x)
        return x, x

    return jax.lax.scan(step, x, (y, mask))


def forward(x: Any, y: Any, mask: Any) -> Any:
    CALLS.append("forward")
    return product(x, y, mask), (x, y, mask)


def backward(residuals: Any, d: Any) -> Any:
    CALLS.append("backward")
    x, y, mask = residuals
    return *jax.vjp(lambda x, y: product(x, y, mask), x, y)[1](d), np.zeros(mask.shape, jax.dtypes.float0)


X, Y = jnp.array([0.5, -2.0, 3.0]), jnp.array([[0.3, 1.0, 2.0], [0.7, -1.0, 0.5]])
MASK = jnp.array([[True, False, True], [True, True, True]])
BY_HAND = custom_derivative(product, forward, backward)


def total(function: Any, x: Any, y: Any) -> Any:
    last, all_of_them = function(x, y, MASK)
    return (last**2).sum() + jnp.cos(all_of_them).sum()


# What JAX does with it -> from a function to a result.
USES = {
    "gradient": lambda f: jax.grad(lambda *a: total(f, *a), (0, 1))(X, Y),
    "gradient by one argument": lambda f: jax.grad(lambda y: total(f, X, y))(Y),
    "tangent": lambda f: jax.jvp(lambda *a: total(f, *a), (X, Y), (Y[0], 2 * Y)),
    "tangent of one argument": lambda f: jax.jvp(lambda x: total(f, x, Y), (X,), (Y[0],)),
    "forward over reverse": lambda f: jax.jvp(jax.grad(lambda x: total(f, x, Y)), (X,), (Y[0],)),
    "reverse over reverse": lambda f: jax.grad(lambda x: (jax.grad(lambda y: total(f, x, y))(Y) ** 2).sum())(X),
    "population of gradients": lambda f: jax.vmap(jax.grad(lambda x: total(f, x, Y)))(jnp.stack([X, 2 * X])),
    "population of tangents": lambda f: jax.vmap(lambda d: jax.jvp(lambda x: f(x, Y, MASK), (X,), (d,)))(jnp.eye(3)),
    "reverse over forward": lambda f: jax.grad(lambda x: jax.jvp(lambda y: total(f, x, y), (Y,), (Y,))[1])(X),
    "checkpoint": lambda f: jax.grad(jax.checkpoint(lambda x: total(f, x, Y)))(X),
}


@pytest.mark.parametrize("use", USES)
def test_every_derivative_is_that_of_the_function(use):
    found, expected = (jax.jit(lambda f=f: USES[use](f))() for f in (BY_HAND, product))
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_a_gradient_is_the_one_by_hand_and_a_call_is_the_function():
    CALLS.clear()
    BY_HAND(X, Y, MASK)
    assert CALLS == []
    tripled = custom_derivative(product, forward, lambda kept, d: backward(kept, (3 * d[0], 3 * d[1])))
    found = jax.grad(lambda x: total(tripled, x, Y))(X)
    np.testing.assert_allclose(found, 3 * jax.grad(lambda x: total(product, x, Y))(X), rtol=1e-5)
    assert "backward" in CALLS


def test_the_program_of_a_gradient_has_forward_and_backward_in_it_and_not_the_function():
    def looped(x: Any) -> Any:
        return jax.lax.fori_loop(0, 3, lambda _, total: total + x**2, jnp.zeros_like(x))

    by_hand = custom_derivative(looped, lambda x: (3 * x**2, x), lambda x, d: (6 * x * d,))
    texts = [jax.jit(jax.grad(lambda x, f=f: f(x).sum())).lower(X).as_text() for f in (looped, by_hand)]
    assert ["while" in text for text in texts] == [True, False]
    np.testing.assert_allclose(jax.grad(lambda x: by_hand(x).sum())(X), 6 * X)
