"""What leads an older database to this version's tables, step by step, by Alembic."""
