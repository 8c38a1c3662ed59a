//! Connections with HTTP/2 that stay open and carry one request after another.

use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::client::SendRequest;
use h2::{Reason, RecvStream};
use hyper::{Request, Version};
use tokio::task::JoinHandle;

use super::client::Client;
use super::keep_alive::pause;
use super::request::{Answer, Fault, Handshake, fault_of_io};
use super::tls::Wish;
use crate::record::{Kind, Outcome};

/// One connection. It is closed at once when this value is dropped.
struct Connection {
    sender: SendRequest<Bytes>,
    driver: JoinHandle<()>,
    handshake: Handshake,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// Runs client `index`. It keeps a connection until a GOAWAY, or until a request fails.
pub(super) async fn run(client: Client, index: usize) {
    let mut kept = None;
    let mut at = Instant::now();
    for number in 0.. {
        if client.is_stopping() {
            return;
        }
        let exchange = ask(&client, &mut kept);
        let result = client.within(at, Duration::ZERO, exchange).await;
        if !matches!(&result, Ok(answer) if !answer.cut()) {
            kept = None;
        }
        client.ended(Kind::Http2, at, &result).await;
        at = Instant::now() + pause(client.plan.keep_alive_pause, index, number);
        tokio::select! {
            () = tokio::time::sleep_until(at.into()) => {}
            () = client.stopped() => {}
        }
    }
}

/// Sends a request, but never twice. After a GOAWAY, the client sends nothing more on that connection and opens another
/// one (RFC 9113, 6.8), as a client of HTTP/1.1 does after `Connection: close`.
async fn ask(client: &Client, kept: &mut Option<Connection>) -> Result<Answer, Fault> {
    let sender = match kept {
        Some(connection) => match connection.sender.clone().ready().await {
            Ok(sender) => Some(sender),
            Err(error) if is_go_away(&error) => None,
            Err(error) => return Err(fault(error, Outcome::Closed)),
        },
        None => None,
    };
    let sender = match sender {
        Some(sender) => sender,
        None => {
            let connection = kept.insert(open(client).await?);
            let ready = connection.sender.clone().ready().await;
            ready.map_err(|error| fault(error, Outcome::Closed))?
        }
    };
    let handshake = kept.as_ref().map(|connection| connection.handshake.clone());
    exchange(client, sender, handshake.unwrap_or_default()).await
}

async fn open(client: &Client) -> Result<Connection, Fault> {
    let (stream, handshake) = client.dialer()?.dial(Wish::Http2).await?;
    let (sender, driver) = h2::client::handshake(stream)
        .await
        .map_err(|error| fault(error, Outcome::Closed))?;
    Ok(Connection {
        sender,
        // The result does not matter, because each request reports how the connection ended.
        driver: tokio::spawn(async { _ = driver.await }),
        handshake,
    })
}

async fn exchange(
    client: &Client,
    mut sender: SendRequest<Bytes>,
    handshake: Handshake,
) -> Result<Answer, Fault> {
    let (response, _) = sender
        .send_request(request(client)?, true)
        .map_err(|error| fault(error, Outcome::Closed))?;
    let response = response.await;
    let (head, body) = response
        .map_err(|error| fault(error, Outcome::Closed))?
        .into_parts();
    Ok(Answer::of(head, read(body).await?, handshake))
}

/// Makes a request with an absolute address, because HTTP/2 sends the parts of the address as pseudo-headers (RFC 9113,
/// 8.3.1).
fn request(client: &Client) -> Result<Request<()>, Fault> {
    let (mut head, _) = client.get(&client.plan.path)?.into_parts();
    head.headers.remove(hyper::header::HOST);
    let address = format!("https://{}{}", client.plan.host, client.plan.path);
    let invalid = |error| Fault::Own(std::io::Error::new(std::io::ErrorKind::InvalidInput, error));
    head.uri = address.parse().map_err(invalid)?;
    head.version = Version::HTTP_2;
    Ok(Request::from_parts(head, ()))
}

/// The part of the body that arrived, and how it ended.
async fn read(mut body: RecvStream) -> Result<(Bytes, Outcome), Fault> {
    let mut whole = Vec::new();
    while let Some(data) = body.data().await {
        match data {
            Ok(data) => {
                // This fails only if the stream has already ended. The stream then needs no more room.
                let _ = body.flow_control().release_capacity(data.len());
                whole.extend_from_slice(&data);
            }
            Err(error) => match fault(error, Outcome::Truncated) {
                Fault::Server(outcome) => return Ok((whole.into(), outcome)),
                own @ Fault::Own(_) => return Err(own),
            },
        }
    }
    Ok((whole.into(), Outcome::Ok))
}

/// Whether the server has ended the connection with a GOAWAY. h2 returns this error only for streams above the GOAWAY's
/// last stream, and for later requests (`recv_go_away` in h2's `proto/streams/streams.rs`).
fn is_go_away(error: &h2::Error) -> bool {
    error.is_go_away() && error.is_remote()
}

/// Returns the fault of an error. A request is unprocessed if its stream is above the GOAWAY's last stream, or was
/// reset with REFUSED_STREAM (RFC 9113, 6.8 and 8.7). `end` is the outcome if the connection ended early.
fn fault(error: h2::Error, end: Outcome) -> Fault {
    let refused = error.is_reset() && error.reason() == Some(Reason::REFUSED_STREAM);
    if is_go_away(&error) || refused && error.is_remote() {
        return Fault::Server(Outcome::Unprocessed);
    }
    if error.is_reset() && error.is_remote() {
        return Fault::Server(Outcome::Reset);
    }
    match error.into_io() {
        // h2 reports the end of a connection as a broken pipe.
        Some(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Fault::Server(end),
        Some(error) => fault_of_io(error, end),
        None => Fault::Server(Outcome::Truncated),
    }
}
