class DeploymentError(Exception):
    """What is wrong and what to do about it, in a sentence or two for whoever typed the command."""
