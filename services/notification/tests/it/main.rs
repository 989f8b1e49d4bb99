//! The service through the generated client, with the real services below, a clock that stands still, and
//! push services that note what they are given.

mod collapsing;
mod deciding;
mod devices;
mod dropping;
mod isolation;
mod preferences;
mod providers;
mod queue;
mod recorder;
mod replicas;
mod restart;
mod telling;
mod web_push;
mod world;
