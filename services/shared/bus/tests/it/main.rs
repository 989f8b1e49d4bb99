//! Buses from outside: what every bus must do, and what becomes of Redis' faults.

mod cluster;
mod conformance;
mod faults;
mod outage;
