from automtl_testing import check_op
from automtl_glu import GLU


def test_glu():
    check_op(GLU)
