from automtl_core.testing import check_op
from automtl_glu import GLU


def test_glu():
    check_op(GLU)
