"""The shop's infrastructure, and the program that ships the shop onto it: ``python -m infra``."""
