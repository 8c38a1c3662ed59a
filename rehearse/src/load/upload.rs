//! Uploads that send their body slowly; some are always in flight.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::Request;
use hyper::body::Frame;
use hyper::header::CONTENT_LENGTH;

use super::client::Client;
use super::request::{self, Answer, Body, Fault};
use crate::record::{Kind, Outcome};

const CHUNKS: usize = 10;
const CHUNK: &[u8] = &[b'x'; 1024];
const BETWEEN: Duration = Duration::from_millis(100);
const TAKES: Duration = Duration::from_secs(1);

pub(super) async fn run(client: Client, index: usize) {
    let share = index as f64 / client.plan.uploads.max(1) as f64;
    client.pause(TAKES.mul_f64(share)).await;
    while !client.is_stopping() {
        let at = Instant::now();
        let mut result = client.within(at, TAKES, send(&client)).await;
        if let Ok(answer) = &mut result {
            answer.outcome = judge(answer);
        }
        client.ended(Kind::Upload, at, &result).await;
    }
}

async fn send(client: &Client) -> Result<Answer, Fault> {
    let head = Request::post("/upload").header(CONTENT_LENGTH, CHUNKS * CHUNK.len());
    let request = client.dress(request::build(head, body())?);
    request::once(client.dial(Kind::Upload).await?, request).await
}

fn body() -> Body {
    let chunks = stream::unfold(0, |sent| async move {
        if sent == CHUNKS {
            return None;
        }
        tokio::time::sleep(BETWEEN).await;
        let frame = Frame::data(Bytes::from_static(CHUNK));
        Some((Ok::<_, Infallible>(frame), sent + 1))
    });
    StreamBody::new(chunks).boxed_unsync()
}

/// The server answers with the number of bytes that it received. Another number means that bytes were lost.
fn judge(answer: &Answer) -> Outcome {
    let all = (CHUNKS * CHUNK.len()).to_string();
    match answer.outcome {
        Outcome::Ok if answer.body.trim_ascii() != all.as_bytes() => Outcome::Truncated,
        other => other,
    }
}
