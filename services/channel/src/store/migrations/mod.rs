use sea_orm_migration::prelude::*;

mod m0001_channels;
mod m0002_crashes;
mod m0003_workspaces;

pub struct Migrations;

#[async_trait::async_trait]
impl MigratorTrait for Migrations {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_channels::Migration),
            Box::new(m0002_crashes::Migration),
            Box::new(m0003_workspaces::Migration),
        ]
    }
}
