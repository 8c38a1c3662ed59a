#![allow(clippy::unwrap_used)]

use flipless_testing::any_input;
use http::Request;
use proptest::prelude::*;

use super::*;

/// Returns a head with these fields, in HTTP/1.1.
fn head(method: &str, target: &str, fields: &[(&str, &str)]) -> Parts {
    let mut request = Request::builder().method(method).uri(target);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

/// Returns the fields sorted by name: only the order of fields with the same name has a meaning (RFC 9110, 5.3).
fn fields(head: &Parts) -> Vec<(&str, &str)> {
    let pairs = head.headers.iter();
    let pairs = pairs.map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
    sorted(pairs.collect())
}

fn sorted<'a>(mut fields: Vec<(&'a str, &'a str)>) -> Vec<(&'a str, &'a str)> {
    fields.sort_by_key(|(name, _)| *name);
    fields
}

/// Returns the status of a refused request in direct mode.
fn refused(method: &str, target: &str, fields: &[(&str, &str)]) -> u16 {
    let refusal = prepare(&mut head(method, target, fields), true);
    refusal.unwrap_err().0.as_u16()
}

#[test]
fn connection_strips_no_field_of_the_message() {
    let sent = [
        ("host", "a"),
        ("x-forwarded-for", "192.0.2.1"),
        ("authorization", "Basic YTpi"),
        ("cookie", "a=b"),
        ("x-amzn-oidc-data", "e30"),
        ("content-length", "0"),
    ];
    let names = sent.map(|(name, _)| name).join(", ");
    let with = |value: &'static str| [&sent[..], &[("connection", value)]].concat();
    for value in [
        "close",
        "Keep-Alive",
        names.clone().leak(),
        names.to_uppercase().leak(),
    ] {
        let mut head = head("GET", "/", &with(value));
        assert_eq!(prepare(&mut head, true), Ok(false));
        assert_eq!(fields(&head), sorted(sent.to_vec()), "connection: {value}");
    }
}

#[test]
fn fields_of_the_connection_end_here() {
    let mut head = head(
        "GET",
        "/",
        &[
            ("host", "a"),
            ("connection", "keep-alive"),
            ("connection", "TE"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "keep-alive"),
            ("upgrade", "h2c"),
            ("te", "gzip, trailers;q=0.5"),
            ("trailer", "x-sum"),
        ],
    );
    assert_eq!(prepare(&mut head, true), Ok(false));
    let left = [
        ("host", "a"),
        ("trailer", "x-sum"),
        ("connection", "te"),
        ("te", "trailers"),
    ];
    assert_eq!(fields(&head), sorted(left.to_vec()));
}

#[test]
fn an_upgrade_is_passed_on_if_the_client_can_have_it() {
    let fields_sent = [
        ("host", "a"),
        ("connection", "close, Upgrade"),
        ("upgrade", "websocket"),
    ];
    let mut asked = head("GET", "/", &fields_sent);
    assert_eq!(prepare(&mut asked, true), Ok(true));
    let passed = [
        ("host", "a"),
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
    ];
    assert_eq!(fields(&asked), sorted(passed.to_vec()));

    let mut old = head("GET", "/", &fields_sent);
    old.version = Version::HTTP_10;
    assert_eq!(prepare(&mut old, true), Ok(false));
    assert_eq!(fields(&old), [("host", "a")]);

    // EB's nginx sends `Connection: upgrade` with every request.
    let mut plain = head("GET", "/", &[("host", "a"), ("connection", "upgrade")]);
    assert_eq!(prepare(&mut plain, false), Ok(false));
    assert_eq!(fields(&plain), [("host", "a")]);
}

#[test]
fn a_target_in_absolute_form_replaces_the_host() {
    for (target, path, host) in [
        ("http://a.example/x?y=z", "/x?y=z", "a.example"),
        ("HTTP://a.example:8080", "/", "a.example:8080"),
        ("https://[::1]?q", "/?q", "[::1]"),
        ("/x?y=//b/", "/x?y=//b/", "other"),
        ("//b/x", "//b/x", "other"),
    ] {
        let mut head = head("GET", target, &[("host", "other")]);
        prepare(&mut head, true).unwrap();
        assert_eq!(head.uri.to_string(), path);
        assert_eq!(fields(&head), [("host", host)], "{target}");
    }
    let mut options = head("OPTIONS", "*", &[("host", "a")]);
    prepare(&mut options, true).unwrap();
    assert_eq!(options.uri, "*");
}

#[test]
fn a_target_without_a_path_and_a_tunnel_are_refused() {
    let host = &[("host", "a")];
    assert_eq!(refused("CONNECT", "a.example:443", host), 400);
    assert_eq!(refused("CONNECT", "/", host), 405);
    assert_eq!(refused("GET", "a.example", host), 400);
    assert_eq!(refused("GET", "a.example:80", host), 400);
    assert_eq!(refused("GET", "*", host), 400);
    assert_eq!(refused("GET", "http://user@a.example/", host), 400);
}

#[test]
fn in_direct_mode_there_are_as_many_fields_as_nginx_takes() {
    let fields = [vec![("host", "a")], vec![("x", "y"); 1000]].concat();
    let mut most = head("GET", "/", &fields[..1000]);
    assert_eq!(prepare(&mut most, true), Ok(false));
    assert_eq!(refused("GET", "/", &fields), 400);
    // Behind nginx, nginx's own `max_headers` limits the fields.
    assert_eq!(prepare(&mut head("GET", "/", &fields), false), Ok(false));
}

#[test]
fn two_hosts_are_refused_everywhere() {
    for second in ["a", "b", ""] {
        let fields = &[("host", "a"), ("x", "y"), ("host", second)];
        assert_eq!(refused("GET", "/", fields), 400);
        assert_eq!(refused("GET", "http://a/", fields), 400);
        assert!(prepare(&mut head("GET", "/", fields), false).is_err());
    }
}

#[test]
fn in_direct_mode_a_host_is_needed_and_valid() {
    for host in [
        "", "a b", "a, b", "a/b", "a@b", ":80", "a\\b", "[::1", "a#b",
    ] {
        assert_eq!(refused("GET", "/", &[("host", host)]), 400, "{host:?}");
    }
    for host in [
        "a",
        "A.example:80",
        "[::1]:80",
        "192.0.2.1",
        "a_b",
        "xn--bcher-kva.example",
    ] {
        let mut head = head("GET", "/", &[("host", host)]);
        assert_eq!(prepare(&mut head, true), Ok(false), "{host:?}");
    }
    assert_eq!(refused("GET", "/", &[]), 400);
    let mut old = head("GET", "/", &[]);
    old.version = Version::HTTP_10;
    assert_eq!(prepare(&mut old, true), Ok(false));
    assert_eq!(
        old.version,
        Version::HTTP_10,
        "HTTP/1.1 without Host would not be valid"
    );
}

#[test]
fn behind_nginx_a_request_may_be_without_a_host() {
    let mut head = head("GET", "/", &[]);
    assert_eq!(prepare(&mut head, false), Ok(false));
    assert_eq!(fields(&head), []);
}

#[test]
fn an_unknown_transfer_coding_is_refused() {
    for coding in [
        "gzip, chunked",
        "identity",
        "chunked, chunked",
        "xchunked",
        "",
    ] {
        let fields = &[("host", "a"), ("transfer-encoding", coding)];
        assert_eq!(refused("POST", "/", fields), 501, "{coding}");
    }
    let twice = &[
        ("host", "a"),
        ("transfer-encoding", "chunked"),
        ("transfer-encoding", "chunked"),
    ];
    assert_eq!(refused("POST", "/", twice), 501);
    let mut head = head(
        "POST",
        "/",
        &[("host", "a"), ("transfer-encoding", "Chunked")],
    );
    assert_eq!(prepare(&mut head, true), Ok(false));
}

/// Generates names of fields: names with a meaning for a proxy, and any other names.
fn name() -> impl Strategy<Value = String> {
    let known =
        "connection|keep-alive|proxy-connection|te|upgrade|x-forwarded-for|authorization|cookie";
    prop_oneof![
        proptest::string::string_regex(known).unwrap(),
        proptest::string::string_regex("[a-z][a-z0-9-]{0,8}").unwrap(),
    ]
}

proptest! {
    #![proptest_config(any_input(2048))]

    /// A client may name any field in `Connection`. The server still gets all fields of the message. Fields with the
    /// same name stay in their order. Of the fields that belong to a connection (RFC 9110, 7.6.1), the server gets only
    /// those that the relay itself sets.
    #[test]
    fn all_fields_of_the_message_are_passed_on(
        sent in proptest::collection::vec((name(), "[ -~]{0,12}"), 0..12),
        named in proptest::collection::vec(name(), 0..6),
        direct: bool,
    ) {
        let framing = |name: &str| matches!(name, "host" | "transfer-encoding");
        let of_connection = |name: &str| fields::is_of_connection(&name.parse().unwrap());
        let mut pairs = vec![("host".to_owned(), "a".to_owned())];
        pairs.extend(sent.into_iter().filter(|(name, _)| !framing(name)));
        pairs.push(("connection".to_owned(), named.join(", ")));
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(n, v)| (n.as_str(), v.trim())).collect();
        let mut head = head("GET", "/", &pairs);
        let of_message = |head: &Parts| -> Vec<(String, String)> {
            let pairs = fields(head).into_iter().filter(|(name, _)| !of_connection(name));
            pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
        };
        let before = of_message(&head);
        let upgrade = prepare(&mut head, direct).unwrap();
        prop_assert_eq!(of_message(&head), before);
        let left: Vec<&str> = fields(&head).into_iter()
            .filter(|(name, _)| of_connection(name)).map(|(name, _)| name).collect();
        prop_assert!(left.iter().all(|name| ["connection", "te", "upgrade"].contains(name)));
        prop_assert_eq!(left.contains(&"upgrade"), upgrade);
    }
}
