use rustix::process::Signal;

use crate::server::Place;

#[test]
fn sigterm_ends_the_process_with_exit_code_zero() {
    let place = Place::new();
    let mut server = place.serve();
    server.signal(Signal::TERM);
    assert_eq!(server.ended().code(), Some(0));
    assert!(!place.file("listen.json").exists());
    // Everything was given back: the next start is an ordinary one.
    drop(place.serve());
}

#[test]
fn sigint_does_the_same() {
    let place = Place::new();
    let mut server = place.serve();
    server.signal(Signal::INT);
    assert_eq!(server.ended().code(), Some(0));
}
