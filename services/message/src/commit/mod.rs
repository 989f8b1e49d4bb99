//! Commits: sends that arrive while one commit is under way share the next one.
//!
//! `committer` collects, `batch` is the transaction, `announcer` does what follows a commit, in
//! commit order: tell channel (`touch`), acknowledge, publish (`publisher`).

mod announcer;
mod batch;
mod committer;
mod outcome;
mod publisher;
mod touch;

pub use announcer::{Ack, Announcement, Announcements, Announcer, announce_all};
pub use committer::{Committer, Outcome, Pending, commit_all};
pub use touch::Retelling;
