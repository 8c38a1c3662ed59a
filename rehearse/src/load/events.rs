//! Server-sent events.

use std::time::{Duration, Instant};

use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::client::Client;
use super::request::{Connection, Fault, fault_of, outcome_of_status, run_of};
use crate::record::{Kind, Outcome};

const PATH: &str = "/stream?count=50&ms=100";

/// Opens one stream after another. Each stream gives a record for its head, and a record for its end.
pub(super) async fn run(client: Client) {
    while !client.is_stopping() {
        let at = Instant::now();
        let open = async {
            let mut connection = Connection::over(client.dial(Kind::Events).await?).await?;
            let head = connection.head(client.get(PATH)?).await?;
            Ok((connection, head))
        };
        let (_open, stream) = match client.within(at, Duration::ZERO, open).await {
            Ok(opened) => opened,
            Err(fault) => {
                client.ended(Kind::Events, at, &Err(fault)).await;
                continue;
            }
        };
        let run = run_of(stream.headers());
        let outcome = outcome_of_status(stream.status().as_u16());
        client.record(Kind::Events, at, outcome, run.clone());
        if outcome.failed() {
            client.rest().await;
            continue;
        }
        follow(&client, stream.into_body(), run).await;
    }
}

/// Reads until the stream ends or the load stops. The end is clean only after the last chunk (RFC 9112, 8). If the load
/// stops, the client closes the stream.
async fn follow(client: &Client, mut events: Incoming, run: Option<String>) {
    let mut last = Instant::now();
    loop {
        let next = async {
            match events.frame().await {
                Some(Ok(_)) => Ok(true),
                None => Ok(false),
                Some(Err(error)) => Err(fault_of(&error, Outcome::Truncated)),
            }
        };
        let more: Result<bool, Fault> = tokio::select! {
            more = client.within(last, Duration::ZERO, next) => more,
            () = client.stopped() => return,
        };
        match more {
            Ok(true) => last = Instant::now(),
            Ok(false) => return client.record(Kind::Events, last, Outcome::Ok, run),
            Err(fault) => {
                client.fault(Kind::Events, last, &fault, run);
                return client.rest().await;
            }
        }
    }
}
