#![allow(clippy::unwrap_used)]

use super::*;
use crate::record::Kind;

const MS: fn(u64) -> Duration = Duration::from_millis;

fn record(at: u64, kind: Kind, latency: u64, outcome: Outcome) -> Record {
    Record {
        at: MS(at),
        kind,
        latency: MS(latency),
        outcome,
        run: None,
        certificate: None,
    }
}

#[test]
fn percentiles_of_one_to_a_thousand() {
    let latency = Latency::of((1..=1000).rev().map(MS).collect()).unwrap();
    let figures = (
        latency.p50_ms,
        latency.p99_ms,
        latency.p999_ms,
        latency.max_ms,
    );
    assert_eq!(figures, (500.0, 990.0, 999.0, 1000.0));
}

#[test]
fn one_value_is_every_percentile_and_none_is_none() {
    let one = Latency::of(vec![MS(7)]).unwrap();
    assert_eq!((one.p50_ms, one.p999_ms, one.max_ms), (7.0, 7.0, 7.0));
    assert_eq!(Latency::of(Vec::new()), None);
}

#[test]
fn percentiles_rise_and_stay_among_the_values() {
    let mut state = 1_u64;
    let mut random = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        state >> 40
    };
    for count in 1..400 {
        let values: Vec<_> = (0..count)
            .map(|_| Duration::from_micros(random()))
            .collect();
        let least = milliseconds(*values.iter().min().unwrap());
        let most = milliseconds(*values.iter().max().unwrap());
        let of = Latency::of(values.clone()).unwrap();
        let steps = [least, of.p50_ms, of.p99_ms, of.p999_ms, of.max_ms];
        assert!(steps.is_sorted(), "{steps:?}");
        assert_eq!(of.max_ms, most);
        for percentile in steps {
            assert!(
                values
                    .iter()
                    .any(|value| milliseconds(*value) == percentile)
            );
        }
        let half = values
            .iter()
            .filter(|value| milliseconds(**value) <= of.p50_ms);
        assert!(half.count() * 2 >= count);
    }
}

#[test]
fn every_failure_of_every_client_counts_once() {
    let outcomes = [
        Outcome::Ok,
        Outcome::Refused,
        Outcome::Reset,
        Outcome::Closed,
        Outcome::Timeout,
        Outcome::Status(502),
        Outcome::Truncated,
        Outcome::Handshake,
        Outcome::Unprocessed,
    ];
    let kinds = [Kind::New, Kind::Upload, Kind::WebSocket];
    let records: Vec<_> = kinds
        .iter()
        .flat_map(|kind| outcomes.map(|outcome| record(0, *kind, 1, outcome)))
        .collect();
    let summary = Summary::of(&records, MS(0)..MS(1));
    let three_each = Failures {
        refused: 3,
        reset: 3,
        closed: 3,
        timeout: 3,
        status: 3,
        truncated: 3,
        handshake: 3,
    };
    assert_eq!(summary.kinds, three_each);
    let counts = (summary.requests, summary.failed, summary.unprocessed);
    assert_eq!(counts, (27, 21, 3));
}

#[test]
fn a_request_in_flight_during_the_deployment_counts_as_part_of_it() {
    let records = [
        record(0, Kind::New, 10, Outcome::Ok),
        record(50, Kind::New, 60, Outcome::Ok),
        record(150, Kind::KeepAlive, 20, Outcome::Ok),
        record(200, Kind::KeepAlive, 30, Outcome::Ok),
    ];
    let summary = Summary::of(&records, MS(100)..MS(200));
    assert_eq!(summary.deploy, Latency::of(vec![MS(60), MS(20)]));
    assert_eq!(summary.steady, Latency::of(vec![MS(10), MS(30)]));
}

#[test]
fn failures_and_long_requests_do_not_count_in_the_latency() {
    let records = [
        record(0, Kind::New, 5, Outcome::Ok),
        record(0, Kind::New, 10_000, Outcome::Timeout),
        record(0, Kind::Slow, 1500, Outcome::Ok),
        record(0, Kind::Upload, 1000, Outcome::Ok),
    ];
    let summary = Summary::of(&records, MS(20_000)..MS(30_000));
    assert_eq!(summary.steady.unwrap().max_ms, 5.0);
    assert_eq!(summary.deploy, None);
}

#[test]
fn json_is_as_documented() {
    let records = [record(0, Kind::New, 5, Outcome::Ok)];
    let json = serde_json::to_value(Summary::of(&records, MS(10)..MS(20))).unwrap();
    assert_eq!(json["steady"]["p999_ms"], 5.0);
    assert_eq!(json["kinds"]["truncated"], 0);
    assert_eq!(json["deploy"], serde_json::Value::Null);
}
