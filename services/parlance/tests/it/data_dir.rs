use std::os::unix::fs::PermissionsExt as _;

use crate::server::{Place, text};

#[test]
fn a_second_server_on_the_same_folder_is_refused() {
    let place = Place::new();
    let _server = place.serve();
    let second = place.run(&["serve"]);
    assert_eq!(second.status.code(), Some(1));
    let complaint = text(&second.stderr);
    assert!(complaint.contains("in use by another parlance process"), "{complaint}");
    assert!(complaint.contains(&place.data().display().to_string()), "{complaint}");
}

#[test]
fn the_folder_is_made_with_a_key_that_only_its_owner_reads_and_is_kept() {
    let place = Place::new();
    drop(place.serve());
    let key = std::fs::read_to_string(place.file("master.key")).unwrap();
    let mode = std::fs::metadata(place.file("master.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // The lock of a killed server is no obstacle.
    drop(place.serve());
    assert_eq!(std::fs::read_to_string(place.file("master.key")).unwrap(), key);
}

#[test]
fn a_damaged_key_is_refused_and_not_replaced() {
    let place = Place::new();
    std::fs::create_dir_all(place.data()).unwrap();
    std::fs::write(place.file("master.key"), "c2hvcnQ=").unwrap();
    let refused = place.run(&["serve"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("master.key"), "{}", text(&refused.stderr));
    assert_eq!(std::fs::read_to_string(place.file("master.key")).unwrap(), "c2hvcnQ=");
}

#[test]
fn migrating_makes_the_tables_and_ends() {
    let place = Place::new();
    let migrated = place.run(&["migrate"]);
    assert!(migrated.status.success(), "{}", text(&migrated.stderr));
    for service in ["auth", "link_preview", "channel", "message", "notification"] {
        assert!(place.file(&format!("{service}.db")).exists());
    }
    assert!(place.run(&["migrate"]).status.success(), "a second time there is nothing to do");
}
