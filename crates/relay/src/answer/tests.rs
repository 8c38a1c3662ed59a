#![allow(clippy::unwrap_used)]

use http::Response;

use super::*;

fn head(status: u16, fields: &[(&str, &str)]) -> Parts {
    let mut answer = Response::builder().status(status);
    for (name, value) in fields {
        answer = answer.header(*name, *value);
    }
    answer
        .version(Version::HTTP_10)
        .body(())
        .unwrap()
        .into_parts()
        .0
}

/// Returns the fields sorted by name: only the order of fields with the same name has a meaning (RFC 9110, 5.3).
fn fields(head: &Parts) -> Vec<(&str, &str)> {
    let pairs = head.headers.iter();
    let pairs = pairs.map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
    let mut pairs: Vec<_> = pairs.collect();
    pairs.sort_by_key(|(name, _)| *name);
    pairs
}

#[test]
fn fields_of_the_connection_end_here_and_all_others_reach_the_client() {
    let mut head = head(
        200,
        &[
            ("connection", "close, set-cookie"),
            ("keep-alive", "timeout=5"),
            ("upgrade", "h2"),
            ("set-cookie", "a=b"),
            ("set-cookie", "c=d"),
            ("content-length", "2"),
            ("x-accel-redirect", "/x"),
        ],
    );
    assert!(!prepare(&mut head, true).unwrap());
    let left = [
        ("content-length", "2"),
        ("set-cookie", "a=b"),
        ("set-cookie", "c=d"),
        ("x-accel-redirect", "/x"),
    ];
    assert_eq!(fields(&head), left);
    assert_eq!(head.version, Version::HTTP_11);
}

#[test]
fn a_switch_of_protocols_needs_a_request() {
    let switch = [("connection", "Upgrade"), ("upgrade", "websocket")];
    let mut asked = head(101, &switch);
    assert!(prepare(&mut asked, true).unwrap());
    let passed = [("connection", "upgrade"), ("upgrade", "websocket")];
    assert_eq!(fields(&asked), passed);
    let fault = prepare(&mut head(101, &switch), false).unwrap_err();
    assert!(matches!(fault, Fault::BadAnswer(_)), "{fault}");
}

#[test]
fn an_answer_with_two_lengths_or_an_unknown_coding_is_bad() {
    for fields in [
        &[("content-length", "1"), ("content-length", "1")][..],
        &[("content-length", "1"), ("transfer-encoding", "chunked")],
        &[
            ("transfer-encoding", "chunked"),
            ("transfer-encoding", "chunked"),
        ],
        &[("transfer-encoding", "gzip, chunked")],
    ] {
        let fault = prepare(&mut head(200, fields), false).unwrap_err();
        assert!(matches!(fault, Fault::BadAnswer(_)), "{fault}");
    }
    let mut chunked = head(200, &[("transfer-encoding", "Chunked")]);
    prepare(&mut chunked, false).unwrap();
    assert_eq!(fields(&chunked), [], "hyper adds it for HTTP/1.1 clients");
}

#[test]
fn a_length_without_a_body_is_left_out_of_a_304() {
    let mut head = head(304, &[("content-length", "5"), ("etag", "\"a\"")]);
    prepare(&mut head, false).unwrap();
    assert_eq!(fields(&head), [("etag", "\"a\"")]);
}
