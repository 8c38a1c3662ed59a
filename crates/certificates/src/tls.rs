//! TLS as a client.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use tokio_rustls::TlsConnector;

use crate::failure::Failure;
use crate::files;

/// Returns the roots that verify the authority's HTTPS server: those of the file, or else the system's.
///
/// # Errors
/// If the file is unreadable, or there is no root.
pub fn roots(file: Option<&str>) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let (roots, place) = match file {
        Some(path) => (of_file(path)?, path),
        None => (
            rustls_native_certs::load_native_certs().certs,
            "the certificates of this system",
        ),
    };
    if roots.is_empty() {
        return Err(Failure::Roots(format!("{place}: no root certificate")));
    }
    Ok(roots)
}

fn of_file(path: &str) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let content = files::read(Path::new(path));
    let content = content.map_err(|error| Failure::Roots(format!("{path}: {error}")))?;
    let roots = CertificateDer::pem_slice_iter(&content).collect::<Result<_, _>>();
    roots.map_err(|error| Failure::Roots(format!("{path} is not valid PEM: {error:?}")))
}

/// Returns a connector to servers with a certificate that one of the roots verifies.
pub fn connector(roots: &[CertificateDer<'static>]) -> TlsConnector {
    let mut store = RootCertStore::empty();
    // A system may have a root that rustls can't read.
    store.add_parsable_certificates(roots.iter().cloned());
    Arc::new(config(Arc::new(ring::default_provider()), |builder, _| {
        builder.with_root_certificates(store).with_no_client_auth()
    }))
    .into()
}

/// Returns a connector to any server. An authority follows a redirect to `https://` during a challenge and accepts
/// every certificate there, as the first certificate may not exist yet (RFC 8555, section 8.3).
pub fn unverified() -> TlsConnector {
    Arc::new(config(
        Arc::new(ring::default_provider()),
        |builder, provider| {
            let any = Arc::new(AnyServer(provider));
            builder
                .dangerous()
                .with_custom_certificate_verifier(any)
                .with_no_client_auth()
        },
    ))
    .into()
}

type Builder = rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>;

fn config(
    provider: Arc<CryptoProvider>,
    finish: impl FnOnce(Builder, Arc<CryptoProvider>) -> ClientConfig,
) -> ClientConfig {
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder.with_protocol_versions(rustls::DEFAULT_VERSIONS);
    // rustls refuses only versions that the provider lacks, and ring has both.
    finish(builder.expect("ring has TLS 1.2 and 1.3"), provider)
}

#[derive(Debug)]
struct AnyServer(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
