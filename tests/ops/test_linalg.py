"""Factorizations. LAPACK leaves their signs open, so the test multiplies the factors and compares with the input."""

import numpy as np
import pytest

import jtorch as torch
from tests.ops.samples import A, S

W, Q = A(4, 3, seed=3), A(3, 3, seed=4)


def close(tensor, array):
    np.testing.assert_allclose(tensor.detach().numpy(), array, rtol=2e-4, atol=2e-4)


@pytest.mark.parametrize("full", [False, True])
def test_svd_multiplies_back(full):
    u, s, vh = torch.linalg.svd(torch.tensor(W), full)
    assert u.shape == ((4, 4) if full else (4, 3))
    close(u[:, :3] * s @ vh, W)
    close(u.t() @ u, np.eye(u.shape[1]))


def test_torch_svd_gives_v():
    u, s, v = torch.svd(torch.tensor(W))
    close(u * s @ v.t(), W)


def test_qr_multiplies_back():
    q, r = torch.qr(torch.tensor(W))
    close(q @ r, W)


def test_eig_satisfies_its_equation():
    values, vectors = torch.linalg.eig(torch.tensor(Q))
    close((torch.tensor(Q).to(torch.complex64) @ vectors - vectors * values).abs(), np.zeros((3, 3)))


def test_eigh_multiplies_back():
    values, vectors = torch.linalg.eigh(torch.tensor(S(3)))
    close(vectors * values @ vectors.t(), S(3))


def test_lu_multiplies_back():
    p, l, u = torch.linalg.lu(torch.tensor(Q))
    close(p @ l @ u, Q)


@pytest.mark.parametrize("kwargs", [{}, {"left": False}, {"adjoint": True}], ids=str)
def test_lu_solve(kwargs):
    factors = torch.linalg.lu_factor(torch.tensor(Q))
    x = torch.linalg.lu_solve(*factors, torch.tensor(S(3)), **kwargs)
    left = torch.tensor(Q.T if "adjoint" in kwargs else Q)
    close(x @ left if "left" in kwargs else left @ x, S(3))


def test_triangular_solve():
    solution, clone = torch.triangular_solve(torch.tensor(Q), torch.tensor(S(3)))
    close(torch.tensor(np.triu(S(3))) @ solution, Q)
    close(clone, S(3))


def test_lstsq_solves_a_tall_system():
    close(torch.linalg.lstsq(torch.tensor(W), torch.tensor(W)).solution, np.eye(3))


def test_failure_that_needs_data_comes_at_the_next_look():
    singular = torch.tensor(Q) * 0
    with pytest.raises(torch.linalg.LinAlgError, match="The diagonal element 1 is zero"):
        torch.linalg.inv(singular).tolist()
