"""Django on DynamoDB."""

from django.apps import AppConfig


class DynamoDBConfig(AppConfig):
    """Tables, sessions and the no-SQL engine."""

    name = "bookstore.dynamodb"
    label = "dynamodb"
