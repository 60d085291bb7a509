"""A campaign in the formats of other programs; each says what it loses on the way."""
