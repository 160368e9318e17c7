"""What can be wrong with a record or a stream."""


class StreamError(Exception):
    """Base of what this package raises."""


class UnprojectableError(StreamError):
    """A record that can never be projected; the message says why and goes into the dead letter."""


class MalformedRecordError(UnprojectableError):
    """A record lacks what every stream record has, or holds a value of no known type."""


class UnknownTableError(StreamError):
    """A record of a table that is not the shop's: the projector is connected to the wrong stream."""


class StreamStalledError(StreamError):
    """A batch was refused again and again, so that what waits behind it cannot be delivered."""
