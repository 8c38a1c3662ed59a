use super::*;
use crate::clock::Window;
use crate::record::{Kind, Outcome};
use crate::scenario::excuse::was_in_flight;
use std::time::Duration;

fn failure(kind: Kind, outcome: Outcome) -> Vec<Record> {
    let ok = Record {
        at: Duration::ZERO,
        kind: Kind::New,
        latency: Duration::ZERO,
        outcome: Outcome::Ok,
        run: None,
        certificate: None,
    };
    let mut records = vec![ok.clone(); 200];
    records.push(Record {
        kind,
        outcome,
        ..ok
    });
    records
}

fn passes(tolerance: Tolerance, records: &[Record], nginx: &str) -> bool {
    let circumstances = Circumstances {
        nginx: nginx.into(),
        ..Circumstances::default()
    };
    went_well(tolerance, records, &circumstances)
}

fn went_well(tolerance: Tolerance, records: &[Record], circumstances: &Circumstances) -> bool {
    of(tolerance, records, circumstances)
        .iter()
        .all(|check| check.ok)
}

#[test]
fn any_failure_counts_if_nothing_is_tolerated() {
    assert!(!passes(
        Tolerance::Nothing,
        &failure(Kind::KeepAlive, Outcome::Closed),
        "1.22.1"
    ));
    assert!(passes(
        Tolerance::Nothing,
        &failure(Kind::New, Outcome::Ok),
        "1.22.1"
    ));
    assert!(
        !passes(Tolerance::Nothing, &[], "1.22.1"),
        "too few requests"
    );
}

#[test]
fn an_old_nginx_may_close_idle_connections_when_a_certificate_arrives() {
    let passes = |kind, outcome, nginx: &str, renews| {
        let circumstances = Circumstances {
            nginx: nginx.into(),
            renews,
            ..Circumstances::default()
        };
        went_well(Tolerance::Nothing, &failure(kind, outcome), &circumstances)
    };
    assert!(passes(Kind::TlsKeepAlive, Outcome::Closed, "1.22.1", true));
    assert!(!passes(
        Kind::TlsKeepAlive,
        Outcome::Closed,
        "1.22.1",
        false
    ));
    assert!(!passes(Kind::TlsKeepAlive, Outcome::Closed, "1.28.0", true));
    assert!(!passes(Kind::New, Outcome::Closed, "1.22.1", true));
}

/// A client may send an unprocessed request again, so the request has not failed. But it has no answer either.
#[test]
fn an_unprocessed_request_is_neither_failed_nor_answered() {
    let left = failure(Kind::Http2, Outcome::Unprocessed);
    assert!(passes(Tolerance::Nothing, &left, "1.22.1"));
    assert!(!Outcome::Unprocessed.answered());
    let unsigned = failure(Kind::Tls, Outcome::Handshake);
    assert!(!passes(Tolerance::IdleKeepAlives, &unsigned, "1.22.1"));
    let idle = failure(Kind::TlsKeepAlive, Outcome::Closed);
    assert!(passes(Tolerance::IdleKeepAlives, &idle, "1.22.1"));
    assert!(!passes(Tolerance::IdleKeepAlives, &idle, "1.28.0"));
}

#[test]
fn only_an_old_nginx_may_close_only_idle_connections() {
    let tolerance = Tolerance::IdleKeepAlives;
    assert!(passes(
        tolerance,
        &failure(Kind::KeepAlive, Outcome::Closed),
        "1.22.1"
    ));
    assert!(!passes(
        tolerance,
        &failure(Kind::KeepAlive, Outcome::Closed),
        "1.27.4"
    ));
    assert!(!passes(
        tolerance,
        &failure(Kind::New, Outcome::Closed),
        "1.22.1"
    ));
    assert!(!passes(
        tolerance,
        &failure(Kind::KeepAlive, Outcome::Timeout),
        "1.22.1"
    ));
}

#[test]
fn without_nginx_before_the_server_no_nginx_has_closed_the_connection() {
    let idle = failure(Kind::KeepAlive, Outcome::Closed);
    for tolerance in [
        Tolerance::IdleKeepAlives,
        Tolerance::Waiting,
        Tolerance::Nothing,
    ] {
        let passes = |direct| {
            let circumstances = Circumstances {
                nginx: "1.22.1".into(),
                renews: true,
                direct,
                ..Circumstances::default()
            };
            went_well(tolerance, &idle, &circumstances)
        };
        assert!(passes(false) && !passes(true), "{tolerance:?}");
    }
}

#[test]
fn only_requests_in_flight_may_fail_because_of_a_kill() {
    let at = Duration::from_millis;
    let killed = Window {
        start: at(1000),
        end: at(1010),
    };
    let lost = |start, latency| Record {
        at: at(start),
        kind: Kind::New,
        latency: at(latency),
        outcome: Outcome::Status(502),
        run: None,
        certificate: None,
    };
    assert!(was_in_flight(&lost(995, 10), killed));
    assert!(was_in_flight(&lost(1005, 3), killed));
    assert!(
        !was_in_flight(&lost(1011, 3), killed),
        "the new server had started"
    );
    assert!(
        !was_in_flight(&lost(900, 50), killed),
        "nothing was killed yet"
    );
    let long = |start| Record {
        kind: Kind::WebSocket,
        ..lost(start, 3)
    };
    assert!(
        was_in_flight(&long(1050), killed),
        "the last message was on its way"
    );
    assert!(
        !was_in_flight(&long(1300), killed),
        "another server's connection"
    );
}

#[test]
fn if_nginx_repeats_requests_only_those_it_cannot_repeat_may_fail_because_of_a_kill() {
    let killed = Window {
        start: Duration::ZERO,
        end: Duration::from_millis(10),
    };
    let passes = |kind, retries| {
        let circumstances = Circumstances {
            killed: Some(killed),
            retries,
            ..Circumstances::default()
        };
        let records = failure(kind, Outcome::Status(502));
        went_well(Tolerance::InFlight, &records, &circumstances)
    };
    for kind in [Kind::New, Kind::KeepAlive, Kind::Slow] {
        assert!(!passes(kind, true) && passes(kind, false), "{kind:?}");
    }
    for kind in [Kind::Upload, Kind::Events, Kind::WebSocket] {
        assert!(passes(kind, true), "{kind:?}");
    }
}

#[test]
fn idle_connections_may_end_with_the_server_only_if_clients_connect_to_it_directly() {
    let passes = |direct, outcome, killed_at| {
        let killed = Window {
            start: Duration::from_millis(killed_at),
            end: Duration::from_millis(killed_at + 10),
        };
        let mut records = failure(Kind::KeepAlive, outcome);
        for record in &mut records {
            record.at = Duration::from_millis(5000);
        }
        let circumstances = Circumstances {
            killed: Some(killed),
            direct,
            ..Circumstances::default()
        };
        went_well(Tolerance::InFlight, &records, &circumstances)
    };
    assert!(passes(true, Outcome::Closed, 4900));
    assert!(
        passes(true, Outcome::Closed, 1990),
        "the client had paused for 3 s"
    );
    assert!(
        !passes(true, Outcome::Closed, 1700),
        "no client pauses for so long"
    );
    assert!(
        !passes(true, Outcome::Closed, 5100),
        "nothing was killed yet"
    );
    assert!(!passes(true, Outcome::Status(502), 4900));
    assert!(
        !passes(false, Outcome::Closed, 4900),
        "nginx held the connection"
    );
}
