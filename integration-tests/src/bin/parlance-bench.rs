//! The load generator: starts a server of its own, loads it over loopback, prints figures beside
//! baselines of the same run. `parlance-bench --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    parlance_integration_tests::bench::main()
}
