"""Domains of certificates: never empty, and never smaller than what is said to be proved."""

import pytest
import sympy

from moetheory.claims.domains import require_covered, require_positive

p, x, y, t, u = sympy.symbols("p x y t u", positive=True)


@pytest.mark.parametrize(
    ("domain", "message"),
    [
        ({p: -1 / (1 + t)}, r"is empty: p = -1/\(t \+ 1\) is positive for no t"),
        ({p: sympy.Integer(0)}, "is empty: p = 0 is positive for no value"),
        ({p: 1 - t}, "must hold positive numbers only, got p = 1 - t, which is not positive at t="),
        ({p: 1 / (1 + t), x: y - t}, "must hold positive numbers only, got x = -t"),
    ],
)
def test_a_domain_that_is_empty_or_leaves_the_positive_numbers_is_refused(domain, message):
    with pytest.raises(ValueError, match=message):
        require_positive(domain)


@pytest.mark.parametrize(
    "domain",
    [
        {},
        {p: 1 / (1 + t)},
        {x: y + u},
        {p: (1 + t) ** -2, x: y * (1 + t + u)},
        {p: sympy.exp(-t)},  # positive, if less than any float
    ],
)
def test_a_domain_of_positive_numbers_is_accepted(domain):
    require_positive(domain)


@pytest.mark.parametrize("domain", [{x: x + 1}, {x: y + t, y: p * u, p: x + u}])
def test_a_domain_that_leads_back_to_a_symbol_is_refused(domain):
    with pytest.raises(ValueError, match="must not lead from a symbol back to itself, got "):
        require_positive(domain)


def test_a_symbol_of_any_sign_may_have_any_value():
    require_positive({sympy.Symbol("z", real=True): t - u})


@pytest.mark.parametrize(
    ("domain", "drawn"),
    [
        ({p: 1 / (1 + t)}, [{"p": 0.01}, {"p": 0.99}]),
        ({p: 1 / (1 + t)}, [{"p": 0.5}, {"p": 1.0}]),  # an end point
        ({p: 1 / (1 + t) ** 2}, [{"p": 0.01}, {"p": 0.99}]),  # t from a root of two
        ({p: 1 / (1 + t), x: t / (1 + t) / (1 + u)}, [{"p": 0.1, "x": 0.9}, {"p": 0.8, "x": 0.1}]),
        ({x: y + u}, [{"x": 2.0, "y": 1.0}, {"x": 9.0, "y": 3.0}]),
        ({x: sympy.sqrt(2) + u}, [{"x": 2.0}, {"x": 9.0}]),
        ({x: (t**2 - y**2) / (t - y)}, [{"x": 2.0, "y": 1.0}, {"x": 9.0, "y": 3.0}]),
        ({p: 1 / (1 + t), x: 1 / (1 + u)}, [{"p": 0.1}, {"p": 0.9}]),  # x is in neither side
    ],
)
def test_points_of_the_domain_are_covered(domain, drawn):
    require_covered(domain, [s for s in (p, x, y) if str(s) in drawn[0]], drawn)


@pytest.mark.parametrize(
    ("domain", "point", "outside"),
    [
        ({p: 1 / (2 + t)}, {"p": 0.9}, r"p = 1/\(t \+ 2\) and a random point with p=0.9"),
        ({x: sympy.sqrt(2) + u}, {"x": 1.4}, r"x = u \+ sqrt\(2\) and a random point with x=1.4"),
        ({x: 1 + (t - 1) ** 2}, {"x": 0.5}, "with x=0.5, for which no t"),  # but complex ones
        # t = y is no root: nothing is left of the factor t - y
        ({x: (t**2 - y**2) / (t - y)}, {"x": 1.0, "y": 2.0}, "with x=1, for which no t"),
        ({x: y + u}, {"x": 1.0, "y": 2.0}, "x = u [+] y and a random point with x=1, for which no"),
        ({p: 1 / (1 + t), x: t / (1 + t) / (1 + u)}, {"p": 0.5, "x": 0.6}, "with x=0.6"),
    ],
)
def test_a_point_beyond_the_domain_is_not_proved_and_noticed(domain, point, outside):
    symbols = [s for s in (p, x, y) if str(s) in point]
    with pytest.raises(ValueError, match=f"must cover its scope, got .*{outside}"):
        require_covered(domain, symbols, [point])


@pytest.mark.parametrize(
    "drawn", [[{"p": 0.5}] * 8, [{"p": 0.5}, {"p": 0.51}], [{"p": 0.45}, {"p": 0.5}, {"p": 0.49}]]
)
def test_points_that_are_all_alike_do_not_cover_the_domain(drawn):
    with pytest.raises(ValueError, match="must cover its domain, got values of t from"):
        require_covered({p: 1 / (1 + t)}, [p], drawn)


def test_a_symbol_without_a_substitution_must_vary_too():
    with pytest.raises(ValueError, match="got values of x from 2 to 2 only"):
        require_covered({}, [x, y], [{"x": 2.0, "y": 1.0}, {"x": 2.0, "y": 9.0}])


@pytest.mark.parametrize("expression", [t + u, y])
def test_a_substitution_has_one_coordinate_of_its_own(expression):
    points = [{"x": 2.0, "y": 1.0}, {"x": 9.0, "y": 3.0}]
    with pytest.raises(ValueError, match="must have one new coordinate for each symbol, got x = "):
        require_covered({x: expression}, [x, y], points)
