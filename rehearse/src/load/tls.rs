//! TLS of the clients. The clients accept any certificate, because nginx sends a self-signed one until the authority
//! has issued a certificate. But they check that the server has the certificate's key. Records contain the
//! certificate's fingerprint.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, HandshakeKind, SignatureScheme};
use sha2::{Digest, Sha256};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::request::{Fault, Handshake, Stream, connect, fault_of_io};
use crate::record::{Certificate, Outcome};

/// The protocols that a client offers (ALPN, RFC 7301).
const HTTP_1: &[u8] = b"http/1.1";
const HTTP_2: &[u8] = b"h2";

/// The handshake that a client asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// A full handshake.
    Full,
    /// A resumed session, if the client has the ticket of an earlier session.
    Resumed,
    /// A full handshake, then HTTP/2.
    Http2,
}

/// Opens connections to one server.
#[derive(Debug)]
pub(super) struct Dialer {
    address: SocketAddr,
    name: String,
    full: Arc<ClientConfig>,
    resumed: Arc<ClientConfig>,
    http2: Arc<ClientConfig>,
}

impl Dialer {
    pub(super) fn new(address: SocketAddr, name: &str) -> Result<Self, rustls::Error> {
        let with = |protocol: &[u8], resumption| {
            let mut config = config()?;
            config.alpn_protocols = vec![protocol.to_vec()];
            config.resumption = resumption;
            Ok::<_, rustls::Error>(Arc::new(config))
        };
        Ok(Self {
            address,
            name: name.to_owned(),
            full: with(HTTP_1, Resumption::disabled())?,
            resumed: with(HTTP_1, Resumption::in_memory_sessions(1))?,
            http2: with(HTTP_2, Resumption::disabled())?,
        })
    }

    /// Connects, and completes a handshake.
    pub(super) async fn dial(&self, wish: Wish) -> Result<(Stream, Handshake), Fault> {
        let config = match wish {
            Wish::Full => &self.full,
            Wish::Resumed => &self.resumed,
            Wish::Http2 => &self.http2,
        };
        let name = ServerName::try_from(self.name.clone())
            .map_err(|error| Fault::Own(io::Error::new(ErrorKind::InvalidInput, error)))?;
        let stream = connect(self.address).await?;
        let stream = TlsConnector::from(Arc::clone(config))
            .connect(name, stream)
            .await
            .map_err(fault_of_handshake)?;
        // A server without ALPN completes the handshake, and then speaks another protocol.
        if wish == Wish::Http2 && stream.get_ref().1.alpn_protocol() != Some(HTTP_2) {
            return Err(Fault::Server(Outcome::Handshake));
        }
        let handshake = handshake_of(&stream);
        Ok((Box::new(stream), handshake))
    }
}

fn handshake_of(stream: &TlsStream<TcpStream>) -> Handshake {
    let session = stream.get_ref().1;
    let resumed = session.handshake_kind() == Some(HandshakeKind::Resumed);
    let sent = session.peer_certificates().and_then(<[_]>::first);
    Handshake {
        resumed,
        // In a resumed session, the server sends no certificate (RFC 8446, 2.2).
        certificate: sent.filter(|_| !resumed).map(fingerprint),
    }
}

/// Returns the fault of a failed handshake. Alerts, and bytes that are not TLS, give [`Outcome::Handshake`].
fn fault_of_handshake(error: io::Error) -> Fault {
    let of_tls = error
        .get_ref()
        .is_some_and(<dyn std::error::Error + Send + Sync>::is::<rustls::Error>);
    match of_tls {
        true => Fault::Server(Outcome::Handshake),
        false => fault_of_io(error, Outcome::Closed),
    }
}

fn fingerprint(certificate: &CertificateDer) -> Certificate {
    Certificate(Sha256::digest(certificate).into())
}

fn config() -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(ring::default_provider());
    let verifier = Arc::new(AnyCertificate(Arc::clone(&provider)));
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Ok(config)
}

/// Accepts every certificate, but only with a valid signature of the handshake.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer,
        _: &[CertificateDer],
        _: &ServerName,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
