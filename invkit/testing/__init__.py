"""Checks of the contracts, for the authors of plugins and for invkit's own tests.

    from invkit.testing import check_generator, check_linear, check_noise, check_operator, check_plugin
    from invkit.testing import check_solver

    def test_my_operator():
        check_operator(MyOperator())        # linear, both adjoints, ambiguities, batching, dtypes, misfit …

    def test_my_plugin():
        check_plugin("my_package.plugin")   # the hook runs, every target loads, every option is convertible

Each check raises ``AssertionError`` naming the property that does not hold; none needs pytest.
"""

from invkit.testing._problems import Example
from invkit.testing.generators import check_generator
from invkit.testing.linear import check_linear
from invkit.testing.noise import check_noise
from invkit.testing.operators import check_operator
from invkit.testing.plugins import check_plugin
from invkit.testing.solvers import check_solver

__all__ = [
    "Example",
    "check_generator",
    "check_linear",
    "check_noise",
    "check_operator",
    "check_plugin",
    "check_solver",
]
