use parlance::apps::DEV_APP;

use crate::server::{Place, text};

/// 32 bytes in base64.
const MASTER_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

fn apps(place: &Place) -> String {
    let listed = place.run(&["app", "list"]);
    assert!(listed.status.success(), "{}", text(&listed.stderr));
    text(&listed.stdout)
}

#[test]
fn apps_are_made_and_listed_beside_a_running_server() {
    let place = Place::new();
    let _server = place.serve();
    let made = place.run(&["app", "create", "--name", "Example"]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    assert!(text(&made.stdout).contains("API key"), "{}", text(&made.stdout));
    let listed = apps(&place);
    assert!(listed.contains("Example") && listed.contains(DEV_APP), "{listed}");
}

#[test]
fn a_store_with_an_app_gets_no_development_app() {
    let place = Place::new();
    assert!(place.run(&["app", "create", "--name", "Example"]).status.success());
    drop(place.serve());
    assert!(!apps(&place).contains(DEV_APP));
}

#[test]
fn a_server_that_other_machines_reach_makes_no_development_app_unless_asked() {
    let place = Place::new().with("PARLANCE__GRPC__LISTEN", "0.0.0.0:0");
    drop(place.serve());
    assert!(!apps(&place).contains(DEV_APP));
    drop(place.serve_with(&["--dev"]));
    assert!(apps(&place).contains(DEV_APP), "without a command it serves");
}

#[test]
fn production_requires_a_master_key_and_refuses_the_development_app() {
    let place = Place::new();
    drop(place.serve());
    let place = place.with("PARLANCE__PRODUCTION", "true");
    let refused = place.run(&["serve"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("auth.master_key"), "{}", text(&refused.stderr));

    let place = place.with("PARLANCE__AUTH__MASTER_KEY", MASTER_KEY);
    let refused = place.run(&["serve"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("development app"), "{}", text(&refused.stderr));

    let fresh =
        Place::new().with("PARLANCE__PRODUCTION", "true").with("PARLANCE__AUTH__MASTER_KEY", MASTER_KEY);
    drop(fresh.serve());
    assert!(!apps(&fresh).contains(DEV_APP), "production makes no development app");
    assert!(!fresh.file("master.key").exists());
}
