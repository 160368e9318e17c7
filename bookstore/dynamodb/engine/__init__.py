"""The engine of a project without SQL; see ``base``."""
