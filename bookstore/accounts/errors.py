"""What goes wrong with an account; each message is a sentence for the customer."""

from collections.abc import Mapping


class AccountError(Exception):
    """Base of what a customer may be told about the account."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class AccountDisabledError(AccountError):
    """The shop has closed this account."""


class TooManyAddressesError(AccountError):
    """The customer keeps as many addresses as there may be."""


class BadAddressError(AccountError):
    """Nothing could be sent to an address: ``problems`` has a sentence for each wrong part."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__(" ".join(problems.values()))
        self.problems = dict(problems)


class AddressNotFoundError(AccountError):
    """The address was removed or changed meanwhile, or never was."""


class AccountChangedError(AccountError):
    """Two changes met more often than was worth trying; the customer may try again."""


class AccountNotFoundError(AccountError):
    """Cognito has no such account, or no longer."""


class DisablingRefusedError(AccountError):
    """The account is not for this member of staff to disable or enable."""


class SigningOutRefusedError(AccountError):
    """The person is not for this member of staff to sign out."""


class ErasureRefusedError(AccountError):
    """The account cannot be erased now; the message says what has to happen first."""


class SignInError(AccountError):
    """Base of why nobody was signed in."""


class SignInRefusedError(SignInError):
    """Cognito, or the check of its id token, said no."""


class SignInExpiredError(SignInError):
    """The sign-in was used already, took too long, or was begun in another browser."""


class EmailNotVerifiedError(SignInError):
    """The e-mail address is not confirmed, so it may belong to somebody else."""


class CognitoUnavailableError(SignInError):
    """Cognito did not answer in time; a later try may work."""
