import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, transaction

from bookstore.accounts.models import User


def test_a_query_of_the_orm_raises_instead_of_reaching_a_database():
    with pytest.raises(ImproperlyConfigured, match="no SQL database"):
        list(User.objects.all())
    with pytest.raises(ImproperlyConfigured, match="no SQL database"):
        connection.cursor()


def test_code_written_for_transactions_runs_unchanged():
    done = []
    with transaction.atomic():
        transaction.on_commit(lambda: done.append("after"))
        done.append("inside")
    assert done == ["inside", "after"]
