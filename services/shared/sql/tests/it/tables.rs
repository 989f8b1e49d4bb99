//! A service that has nothing but what this crate gives it.

use parlance_sql::{Store, crashes, leases, outbox, positions};
use sea_orm::{ConnectionTrait as _, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, MigratorTrait, SchemaManager};

struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(Initial)]
    }
}

struct Initial;

impl MigrationName for Initial {
    fn name(&self) -> &str {
        "m0001_initial"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Initial {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        outbox::create_table(manager).await?;
        positions::create_table(manager).await?;
        leases::create_tables(manager).await?;
        crashes::create_table(manager).await?;
        let lease = "INSERT INTO leases (name, holder, until_at, position) VALUES ('work', '', 0, 7)";
        manager.get_connection().execute_unprepared(lease).await?;
        let pair = "CREATE TABLE pair (id INTEGER PRIMARY KEY, value INTEGER NOT NULL)";
        manager.get_connection().execute_unprepared(pair).await?;
        let rows = "INSERT INTO pair (id, value) VALUES (1, 0), (2, 0)";
        manager.get_connection().execute_unprepared(rows).await?;
        Ok(())
    }
}

pub async fn migrate(store: &Store) -> anyhow::Result<()> {
    parlance_sql::migrate::<Migrator>(store).await
}
