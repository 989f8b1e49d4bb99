//! Pure rules: which links are opened, and what a page says of itself.

pub mod charset;
pub mod link;
pub mod oembed;
pub mod page;
pub mod preview;
pub mod rules;
pub mod text;
pub mod video;
