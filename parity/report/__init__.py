"""Results for people and programs: tables, JSON, progress. Nothing here judges."""
