"""The one error that users are meant to read."""


class InputError(ValueError):
    """Something that came from outside is wrong.

    The message is one sentence that says what is wrong, where, and what to do about it. Scripts
    print it without a traceback; every other exception is a bug of ours and keeps its traceback.
    """
