//! The tables, and the only place that names the ORM. Every finder takes the app.

pub mod blocks;
pub mod channels;
pub mod entities;
pub mod invites;
pub mod members;
pub mod migrations;
pub mod touch;
pub mod types;
pub mod workspace_members;
pub mod workspaces;

pub use entities::{block, channel, channel_type, invite, member, workspace, workspace_member};

/// The columns of an entity, named one by one: `*` in a prepared statement of this version would fail once
/// a newer replica has added a column.
fn columns<C: sea_orm::Iterable + sea_orm::IdenStatic>(table: &str) -> String {
    C::iter().map(|column| format!("{table}.\"{}\"", column.as_str())).collect::<Vec<_>>().join(", ")
}

/// The list with its last item repeated up to the next power of two, so that lists of any length need
/// few distinct statements.
fn padded<T: Copy>(items: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut items: Vec<T> = items.into_iter().collect();
    if let Some(last) = items.last().copied() {
        items.resize(items.len().next_power_of_two(), last);
    }
    items
}
