//! A proxy in front of pebble. It records the requests, and changes answers in ways that pebble does not offer.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use flipless_certificates::http::Sender;
use flipless_certificates::tls;
use http::{Request, Response};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A request to the authority.
pub struct Asked {
    pub path: String,
    /// The payload of the signed request.
    pub payload: serde_json::Value,
}

/// Looks at a request and at pebble's answer to it, and may change the answer.
pub type Script = Box<dyn FnMut(&Asked, Answer) -> Answer + Send>;
pub type Answer = Response<Bytes>;

/// Returns a problem document.
pub fn problem(status: u16, name: &str, detail: &str) -> Answer {
    let name = format!("urn:ietf:params:acme:error:{name}");
    let body = serde_json::json!({"type": name, "detail": detail, "status": status});
    let answer = Response::builder()
        .status(status)
        .header("content-type", "application/problem+json");
    answer.body(body.to_string().into()).unwrap()
}

/// The running proxy. It ends with the test's process.
#[derive(Clone)]
pub struct Proxy {
    pub port: u16,
    shared: Arc<Mutex<Shared>>,
}

struct Shared {
    pebble: u16,
    script: Option<Script>,
    asked: Vec<String>,
}

impl Proxy {
    pub fn start(certificate: &[u8], key: &[u8], pebble: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Mutex::new(Shared {
            pebble,
            script: None,
            asked: Vec::new(),
        }));
        let proxy = Self { port, shared };
        let chain = vec![CertificateDer::from_pem_slice(certificate).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(key).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config =
            ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key);
        let config = Arc::new(config.unwrap());
        let this = proxy.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let tls = ServerConnection::new(Arc::clone(&config)).unwrap();
                let stream = StreamOwned::new(tls, undelayed(stream.unwrap()));
                let this = this.clone();
                // Ignores a client that closes the connection early.
                thread::spawn(move || this.serve(stream));
            }
        });
        proxy
    }

    /// Passes the requests on to this pebble.
    pub fn pass_to(&self, pebble: u16) {
        self.shared.lock().unwrap().pebble = pebble;
    }

    /// Lets this script change the answers.
    pub fn script(&self, script: impl FnMut(&Asked, Answer) -> Answer + Send + 'static) {
        self.shared.lock().unwrap().script = Some(Box::new(script));
    }

    /// Returns the paths of the requests since the last call of this function.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.lock().unwrap().asked)
    }

    fn serve(&self, stream: impl Read + Write) -> Option<()> {
        let mut stream = BufReader::new(stream);
        let request = read(&mut stream)?;
        let asked = Asked {
            path: request.uri().path().to_owned(),
            payload: payload(request.body()),
        };
        let pebble = self.shared.lock().unwrap().pebble;
        let answer = forward(request, pebble);
        let answer = {
            let mut shared = self.shared.lock().unwrap();
            shared.asked.push(asked.path.clone());
            match &mut shared.script {
                Some(script) => script(&asked, answer),
                None => answer,
            }
        };
        write(stream.get_mut(), &answer)
    }
}

/// Makes the stream send without waiting for more bytes, as in nginx (`tcp_nodelay`).
fn undelayed(stream: TcpStream) -> TcpStream {
    stream.set_nodelay(true).unwrap();
    stream
}

fn read(stream: &mut impl BufRead) -> Option<Request<Bytes>> {
    let mut line = String::new();
    stream.read_line(&mut line).ok()?;
    let mut words = line.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut fields = HashMap::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        fields.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let length = fields
        .get("content-length")
        .map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    // The URI has the host and port of the client's request, because pebble builds its addresses from them.
    let uri = format!("https://{}{path}", fields["host"]);
    let mut request = Request::builder().method(method.as_str()).uri(uri);
    for (name, value) in fields.iter().filter(|(name, _)| *name == "content-type") {
        request = request.header(name, value);
    }
    Some(request.body(body.into()).unwrap())
}

fn payload(body: &[u8]) -> serde_json::Value {
    let signed: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let payload = BASE64_URL_SAFE_NO_PAD.decode(signed["payload"].as_str().unwrap_or_default());
    serde_json::from_slice(&payload.unwrap()).unwrap_or_default()
}

fn forward(request: Request<Bytes>, pebble: u16) -> Answer {
    let sender = Sender {
        tls: tls::unverified(),
        limit: Duration::from_secs(10),
        instead: Some(format!("127.0.0.1:{pebble}")),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let answer = runtime.unwrap().block_on(sender.send(request));
    answer.unwrap_or_else(|_| {
        Response::builder()
            .status(502)
            .body("no pebble".into())
            .unwrap()
    })
}

fn write(stream: &mut impl Write, answer: &Answer) -> Option<()> {
    let mut head = format!("HTTP/1.1 {}\r\n", answer.status());
    let framing = ["content-length", "transfer-encoding", "connection"];
    for (name, value) in answer
        .headers()
        .iter()
        .filter(|(name, _)| !framing.contains(&name.as_str()))
    {
        head.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap()));
    }
    let body = answer.body();
    head.push_str(&format!(
        "content-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    ));
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(body).ok()?;
    stream.flush().ok()
}
