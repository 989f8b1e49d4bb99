#![doc = include_str!("../README.md")]

pub mod caller;
pub mod clock;
pub mod error;
pub mod id;
pub mod json;

pub use caller::{Actor, Caller};
pub use clock::{Clock, ManualClock, Micros, SystemClock};
pub use error::{Code, Error, Reason, Result};
pub use id::{Num, NumGenerator};
