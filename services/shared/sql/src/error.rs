use parlance_core::{Error, Reason};
use sea_orm::{DbErr, RuntimeErr, SqlErr};

/// Says what a database failure means for the caller. The cause is logged, not told.
pub fn store_error(error: DbErr) -> Error {
    match sqlx_code(&error).as_deref() {
        // SQLite: disk full, or an I/O error while writing; PostgreSQL: disk full.
        Some("13" | "10" | "778" | "53100") => {
            tracing::error!(cause = %error, "the store cannot be written");
            Error {
                retry_after: Some(std::time::Duration::from_secs(10)),
                ..Error::new(Reason::StorageFull, "the server's storage is full")
            }
        }
        _ if is_connection_trouble(&error) => {
            tracing::warn!(cause = %error, "the database is away");
            Error::unavailable("the database is not reachable")
        }
        _ => Error::internal(error),
    }
}

/// A unique key refused the write.
pub fn is_unique_violation(error: &DbErr) -> bool {
    matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_)))
}

fn sqlx_of(error: &DbErr) -> Option<&sqlx::Error> {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(e))
        | DbErr::Exec(RuntimeErr::SqlxError(e))
        | DbErr::Query(RuntimeErr::SqlxError(e)) => Some(e.as_ref()),
        _ => None,
    }
}

fn sqlx_code(error: &DbErr) -> Option<String> {
    Some(sqlx_of(error)?.as_database_error()?.code()?.into_owned())
}

fn is_connection_trouble(error: &DbErr) -> bool {
    match error {
        DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => true,
        _ => matches!(
            sqlx_of(error),
            Some(
                sqlx::Error::Io(_)
                    | sqlx::Error::PoolTimedOut
                    | sqlx::Error::PoolClosed
                    | sqlx::Error::WorkerCrashed
            )
        ),
    }
}
