use std::io::Write as _;

use parlance::config::REFERENCE;

use crate::server::{Place, text};

#[test]
fn the_printed_reference_reads_back_as_the_defaults() {
    let place = Place::new();
    let printed = place.run(&["config", "print"]);
    assert!(printed.status.success());
    assert_eq!(text(&printed.stdout), REFERENCE);

    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&printed.stdout).unwrap();
    let again = std::process::Command::new(env!("CARGO_BIN_EXE_parlance"))
        .args(["config", "print", "--effective", "--config"])
        .arg(file.path())
        .output()
        .unwrap();
    assert!(again.status.success(), "{}", text(&again.stderr));
    assert_eq!(text(&again.stdout), REFERENCE);
}

#[test]
fn what_is_in_force_is_printed_with_secrets_masked() {
    let place = Place::new()
        .with("PARLANCE__GRPC__SECRET", "hunter2-hunter2!")
        .with("PARLANCE__DATABASE__URL", "postgres://parlance:hunter2@host/db");
    let printed = place.run(&["config", "print", "--effective"]);
    let effective = text(&printed.stdout);
    assert!(effective.contains("listen = \"127.0.0.1:0\""), "{effective}");
    assert!(effective.contains("secret = \"***\"") && effective.contains("url = \"***\""), "{effective}");
    assert!(!effective.contains("hunter2"), "{effective}");
}

#[test]
fn an_unknown_setting_ends_the_start_with_its_name_and_source() {
    let place = Place::new().with("PARLANCE__GATEWAY__LISTN", "x");
    let refused = place.run(&["serve"]);
    assert_eq!(refused.status.code(), Some(1));
    let complaint = text(&refused.stderr);
    assert!(
        complaint.contains("gateway.listn") && complaint.contains("PARLANCE__GATEWAY__LISTN"),
        "{complaint}"
    );
}
