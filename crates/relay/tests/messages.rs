//! Requests and answers that a common server and client exchange through the relay.
#![allow(clippy::unwrap_used, missing_docs)]

mod rig;

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::Shutdown;

use rig::{Played, head, listener, rest, send, status};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const CLOSE: &str = "Host: a\r\nConnection: close\r\n\r\n";

#[test]
fn the_server_gets_all_fields_whatever_connection_names() {
    let front = listener();
    let played = Played::start(&front, "direct");
    let client = send(
        &front,
        "GET /x HTTP/1.1\r\nHost: a.example\r\nX-Forwarded-For: 192.0.2.1\r\nAuthorization: Basic YTpi\r\n\
         X-OWN-case: 1\r\nConnection: close, Host, X-Forwarded-For, Authorization, x-own-case\r\n\r\n",
    );
    let arrived = played.arrived();
    for line in [
        "Host: a.example",
        "X-Forwarded-For: 192.0.2.1",
        "Authorization: Basic YTpi",
        "X-OWN-case: 1",
    ] {
        assert!(arrived.head.lines().any(|l| l == line), "{}", arrived.head);
    }
    assert_eq!(arrived.field("connection"), None, "{}", arrived.head);
    arrived.answer(OK);
    assert!(rest(client).ends_with("\r\n\r\nok"));
}

#[test]
fn a_target_in_absolute_form_arrives_in_origin_form() {
    let front = listener();
    let played = Played::start(&front, "direct");
    let client = send(
        &front,
        "GET http://a.example:8080/x?y HTTP/1.1\r\nHost: b.example\r\nConnection: close\r\n\r\n",
    );
    let arrived = played.arrived();
    assert!(
        arrived.head.starts_with("GET /x?y HTTP/1.1\r\n"),
        "{}",
        arrived.head
    );
    assert_eq!(arrived.head.matches("a.example:8080").count(), 1);
    assert!(!arrived.head.contains("b.example"), "{}", arrived.head);
    arrived.answer(OK);
    assert_eq!(status(&rest(client)), 200);
    let _client = send(&front, &format!("OPTIONS * HTTP/1.1\r\n{CLOSE}"));
    assert!(played.arrived().head.starts_with("OPTIONS * HTTP/1.1\r\n"));
}

#[test]
fn a_request_that_no_server_should_see_is_refused() {
    let front = listener();
    let played = Played::start(&front, "direct");
    for (expected, request) in [
        (400, "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
        (400, "GET / HTTP/1.0\r\nHost: a\r\nhost: a\r\n\r\n"),
        (400, "GET http://a/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost:\r\n\r\n"),
        (400, "GET a.example HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "CONNECT a.example:443 HTTP/1.1\r\nHost: a\r\n\r\n"),
        (
            501,
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        ),
    ] {
        let client = send(&front, request);
        assert_eq!(status(&head(&client)), expected, "{request}");
    }
    let _client = send(&front, &format!("GET /last HTTP/1.1\r\n{CLOSE}"));
    assert!(
        played.arrived().head.starts_with("GET /last "),
        "a refused request has reached the server"
    );
}

#[test]
fn a_request_of_http_1_0_needs_no_host() {
    for mode in ["direct", "nginx"] {
        let front = listener();
        let played = Played::start(&front, mode);
        let client = send(&front, "GET /x HTTP/1.0\r\n\r\n");
        let arrived = played.arrived();
        assert_eq!(arrived.head, "GET /x HTTP/1.0\r\n\r\n");
        arrived.answer("HTTP/1.0 200 OK\r\n\r\nuntil the end");
        let answer = rest(client);
        assert_eq!(status(&answer), 200);
        assert!(answer.ends_with("\r\n\r\nuntil the end"), "{answer}");
        assert!(!answer.contains("chunked"), "{answer}");
    }
}

/// EB's nginx sends HTTP/1.1 without Host if its client sent HTTP/1.0 without Host.
#[test]
fn behind_nginx_a_request_without_a_host_is_passed_on() {
    let front = listener();
    let played = Played::start(&front, "nginx");
    let client = send(&front, "GET /x HTTP/1.1\r\nConnection: upgrade\r\n\r\n");
    let arrived = played.arrived();
    assert_eq!(arrived.head, "GET /x HTTP/1.1\r\n\r\n");
    arrived.answer(OK);
    assert_eq!(status(&head(&client)), 200);
}

#[test]
fn a_thousand_fields_are_passed_on_both_ways() {
    let front = listener();
    let played = Played::start(&front, "nginx");
    let fields = (0..1000).fold(String::new(), |mut text, number| {
        write!(text, "X-{number}: {number}\r\n").unwrap();
        text
    });
    let client = send(&front, &format!("GET / HTTP/1.1\r\n{fields}{CLOSE}"));
    let arrived = played.arrived();
    assert_eq!(arrived.head.matches("X-").count(), 1000);
    arrived.answer(&format!("HTTP/1.1 204 No Content\r\n{fields}\r\n"));
    let answer = rest(client);
    assert_eq!(answer.matches("X-").count(), 1000, "{answer}");
}

#[test]
fn an_early_status_precedes_the_answer() {
    let front = listener();
    let played = Played::start(&front, "direct");
    let client = send(&front, &format!("GET / HTTP/1.1\r\n{CLOSE}"));
    let early = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n";
    played.arrived().answer(&format!("{early}{OK}"));
    let answer = rest(client);
    assert_eq!(status(&answer), 200);
    assert!(answer.ends_with("\r\n\r\nok"));
}

#[test]
fn the_server_decides_whether_it_wants_a_body() {
    let front = listener();
    let played = Played::start(&front, "direct");
    let post = format!("POST / HTTP/1.1\r\nContent-Length: 5\r\nExpect: 100-continue\r\n{CLOSE}");

    let mut client = send(&front, &post);
    let mut arrived = played.arrived();
    assert_eq!(arrived.field("expect"), Some("100-continue"));
    arrived
        .stream
        .write_all(b"HTTP/1.1 100 Continue\r\n\r\n")
        .unwrap();
    assert_eq!(status(&head(&client)), 100);
    client.write_all(b"hello").unwrap();
    let mut body = [0; 5];
    arrived.stream.read_exact(&mut body).unwrap();
    assert_eq!(&body, b"hello");
    arrived.answer(OK);
    assert_eq!(status(&rest(client)), 200);

    let client = send(&front, &post);
    played
        .arrived()
        .answer("HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(status(&head(&client)), 413, "no 100 comes first");
}

#[test]
fn a_server_that_does_not_know_the_expectation_gets_the_body() {
    let front = listener();
    let played = Played::start(&front, "direct");
    let post = format!("POST / HTTP/1.1\r\nContent-Length: 5\r\nExpect: 100-continue\r\n{CLOSE}");
    let client = send(&front, &format!("{post}hello"));
    let mut arrived = played.arrived();
    let mut body = [0; 5];
    arrived.stream.read_exact(&mut body).unwrap();
    arrived.answer(OK);
    assert!(rest(client).ends_with("ok"));
}

#[test]
fn an_answer_without_a_body_stays_without() {
    let front = listener();
    let played = Played::start(&front, "direct");
    for (method, answer, kept) in [
        (
            "HEAD",
            "HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n",
            "Content-Length: 1234",
        ),
        (
            "HEAD",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK",
        ),
        ("GET", "HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n", "X-A: b"),
        (
            "GET",
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\nETag: \"a\"\r\n\r\n",
            "ETag: \"a\"",
        ),
        (
            "GET",
            "HTTP/1.1 200 Fine By Me\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 200 Fine By Me",
        ),
    ] {
        let client = send(&front, &format!("{method} / HTTP/1.1\r\n{CLOSE}"));
        played.arrived().answer(answer);
        let passed = rest(client);
        assert!(passed.ends_with("\r\n\r\n"), "{passed}");
        assert!(passed.lines().any(|line| line == kept), "{passed}");
    }
}

#[test]
fn bodies_and_trailers_are_framed_again() {
    let front = listener();
    let played = Played::start(&front, "direct");
    let chunked = "5\r\nhello\r\n0\r\nX-Sum: 9\r\n\r\n";
    let client = send(
        &front,
        &format!(
            "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\nTE: trailers\r\n\
             Connection: close, TE\r\n\r\n{chunked}"
        ),
    );
    let mut arrived = played.arrived();
    assert_eq!(arrived.field("te"), Some("trailers"));
    let body = read_chunked(&mut arrived.stream);
    assert!(body.eq_ignore_ascii_case(chunked), "{body}");
    arrived.answer(&format!(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n{chunked}"
    ));
    let answer = rest(client);
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(body.eq_ignore_ascii_case(chunked), "{answer}");

    // The end of the connection ends this body. The client speaks HTTP/1.1, so it gets the body in chunks, and sees
    // where the body ends.
    let client = send(&front, &format!("GET / HTTP/1.1\r\n{CLOSE}"));
    played.arrived().answer("HTTP/1.0 200 OK\r\n\r\nhello");
    assert!(rest(client).ends_with("\r\n\r\n5\r\nhello\r\n0\r\n\r\n"));
}

fn read_chunked(stream: &mut std::net::TcpStream) -> String {
    let mut body = Vec::new();
    while !body.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        body.extend(byte);
    }
    String::from_utf8(body).unwrap()
}

/// Relay and server must agree where a body ends. Otherwise a client could hide a request in the body.
#[test]
fn a_body_has_one_length_for_the_server() {
    let front = listener();
    let played = Played::start(&front, "direct");
    let chunked = "Transfer-Encoding: chunked\r\n";
    let empty = "0\r\n\r\n";
    for (fields, body, length, coding) in [
        (
            format!("Content-Length: 4\r\n{chunked}"),
            empty,
            None,
            Some("chunked"),
        ),
        (
            format!("{chunked}Content-Length: 4\r\n"),
            empty,
            None,
            Some("chunked"),
        ),
        ("Content-Length: 5\r\n".repeat(2), "hello", Some("5"), None),
    ] {
        let hidden = "GET /hidden HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        let client = send(
            &front,
            &format!("POST / HTTP/1.1\r\n{fields}{CLOSE}{body}{hidden}"),
        );
        let mut arrived = played.arrived();
        assert_eq!(arrived.field("content-length"), length, "{fields}");
        assert_eq!(arrived.field("transfer-encoding"), coding, "{fields}");
        let mut bytes = vec![0; body.len()];
        arrived.stream.read_exact(&mut bytes).unwrap();
        assert_eq!(bytes, body.as_bytes(), "{fields}");
        arrived.answer(OK);
        assert_eq!(rest(client).matches("HTTP/1.1 200").count(), 1);
    }
    let _client = send(&front, &format!("GET /last HTTP/1.1\r\n{CLOSE}"));
    let last = played.arrived();
    assert!(last.head.starts_with("GET /last "), "{}", last.head);
    for fields in [
        "Content-Length: 4\r\nContent-Length: 5\r\n",
        "Content-Length: 4, 5\r\n",
        "Content-Length: -1\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Transfer-Encoding: chunked\r\n\tidentity\r\n",
    ] {
        let client = send(
            &front,
            &format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n"),
        );
        let answer = head(&client);
        assert!([400, 501].contains(&status(&answer)), "{fields}: {answer}");
    }
}

#[test]
fn an_answer_that_breaks_is_broken_for_the_client() {
    for mode in ["direct", "nginx"] {
        let front = listener();
        let played = Played::start(&front, mode);
        for part in [
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n",
        ] {
            let client = send(&front, &format!("GET / HTTP/1.1\r\n{CLOSE}"));
            let mut arrived = played.arrived();
            arrived.stream.write_all(part.as_bytes()).unwrap();
            let begun = head(&client);
            assert_eq!(status(&begun), 200);
            arrived.stream.shutdown(Shutdown::Both).unwrap();
            let left = rest(client);
            assert!(
                !left.contains("0\r\n\r\n") && left.len() < 12,
                "{mode}: {left:?}"
            );
        }
    }
}

#[test]
fn a_switch_of_protocols_passes_bytes_both_ways() {
    let front = listener();
    let played = Played::start(&front, "nginx");
    let upgrade = "Connection: upgrade\r\nUpgrade: chat\r\n";
    let mut client = send(
        &front,
        &format!("GET / HTTP/1.1\r\nHost: a\r\n{upgrade}\r\n"),
    );
    let mut arrived = played.arrived();
    assert_eq!(arrived.field("upgrade"), Some("chat"));
    let switch = format!("HTTP/1.1 101 Switching Protocols\r\n{upgrade}\r\nhello");
    arrived.stream.write_all(switch.as_bytes()).unwrap();
    assert!(head(&client).to_lowercase().contains("upgrade: chat\r\n"));
    let mut bytes = [0; 5];
    client.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"hello");
    client.write_all(b"world").unwrap();
    arrived.stream.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"world");
}
