//! PostgreSQL and Redis restarted, and paused.
