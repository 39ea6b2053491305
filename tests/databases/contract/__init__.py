"""What the store does, asked of each kind of database.

Who imports the tests of these modules has a fixture ``stores``, a Stores on an empty database.
"""
