-- Format 4 changed no table.
pragma user_version = 4;
