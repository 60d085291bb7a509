"""What an analysis reads: ledgers, tables and measured spaces of anybody's."""
