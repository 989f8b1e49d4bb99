//! Separate processes and what can happen to them: each fault with clients connected and sending at a
//! steady rate. Runs in the distributed mode alone (`PARLANCE_TEST_MODE=distributed`).

mod away;
mod chart;
mod kills;
mod moves;
mod partition;
mod repeats;
mod rolling;
mod scene;
mod secret;
mod versions;

pub use scene::Scene;

use crate::prelude::*;

/// Whether these tests are to run now; says so if not.
pub fn is_wanted() -> bool {
    let wanted = Options::new().mode() == parlance_integration_tests::harness::Mode::Distributed;
    if !wanted {
        println!("skipped: PARLANCE_TEST_MODE is not distributed");
    }
    wanted
}
