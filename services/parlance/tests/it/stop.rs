use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use rustix::process::Signal;

use crate::server::{Place, Server, wait_for};

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

/// A request that the server is reading: its body is announced and not sent.
fn request_in_flight(server: &Server) -> TcpStream {
    let mut stream = TcpStream::connect(server.address("rest")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let head = "POST /tokens HTTP/1.1\r\nHost: test\r\nX-API-Key: dev-api-key\r\nExpect: 100-continue\r\n\
                Content-Type: application/json\r\nContent-Length: 18\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    read_until(&mut stream, "100 Continue");
    stream
}

fn read_until(stream: &mut TcpStream, text: &str) {
    let mut answer = Vec::new();
    while !String::from_utf8_lossy(&answer).contains(text) {
        let mut part = [0; 1024];
        let read = stream.read(&mut part).unwrap();
        assert!(read > 0, "closed after {:?}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(&part[..read]);
    }
}

fn begin_to_drain(server: &Server) {
    server.signal(Signal::TERM);
    wait_for("it drains", || server.log().contains("draining").then_some(()));
}

#[test]
fn a_request_in_flight_is_answered_before_the_process_ends() {
    let place = Place::new();
    let mut server = place.serve();
    let mut request = request_in_flight(&server);
    begin_to_drain(&server);
    request.write_all(br#"{"userId":"alice"}"#).unwrap();
    read_until(&mut request, "wsToken");
    drop(request);
    assert_eq!(server.ended().code(), Some(0));
}

#[test]
fn a_second_signal_ends_the_process_at_once() {
    let place = Place::new();
    let mut server = place.serve();
    let _request = request_in_flight(&server);
    begin_to_drain(&server);
    server.signal(Signal::TERM);
    assert_eq!(server.ended().code(), Some(130));
}
