"""Our ridge against scikit-learn's."""

import numpy as np
import pytest
from sklearn.linear_model import RidgeCV

from dashsearch.analysis.bias.ridge import LeaveOneOutRidge

ALPHAS = tuple(np.logspace(-2, 4, 13).tolist())


@pytest.mark.parametrize(("rows", "columns", "noise"), [(400, 30, 0.1), (60, 50, 2), (25, 40, 1)])
def test_penalty_and_coefficients_are_those_of_sklearn(rows, columns, noise):
    rng = np.random.default_rng(rows)
    x = rng.normal(size=(rows, columns))
    x[:, -1] = x[:, 0]
    y = 3 + x @ rng.normal(size=columns) + noise * rng.normal(size=rows)
    ours = LeaveOneOutRidge(ALPHAS).fit(x, y)
    theirs = RidgeCV(alphas=ALPHAS).fit(x, y)
    assert ours.alpha_ == theirs.alpha_
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-9)
    np.testing.assert_allclose(ours.predict(x), theirs.predict(x), atol=1e-9)
