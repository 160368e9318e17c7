"""Django's own admin on DynamoDB; README.md says how to use it. Importing this imports nothing of Django's admin."""
