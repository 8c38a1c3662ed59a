//! The checks of a new certificate. The authority's answer comes from outside. A certificate that nginx or a client
//! would refuse must not replace one that works.

use rustls::pki_types::CertificateDer;
use thiserror::Error;
use x509_parser::error::X509Error;
use x509_parser::prelude::X509Certificate;

use crate::certificate::{self, Certificate, Fault};
use crate::clock;
use crate::names::Names;

/// Why a certificate is refused.
#[derive(Debug, Error)]
pub enum Refusal {
    /// The certificate is unreadable.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The certificate is for another key.
    #[error("it is not for the key of the order")]
    Key,
    /// The certificate is for other names.
    #[error("it is for {0}, not for {1}")]
    Names(Names, Names),
    /// A certificate of the chain has expired.
    #[error("certificate {0} of its chain expired at {1}")]
    Ended(usize, String),
    /// A certificate is not signed by the next one.
    #[error("its chain is broken: certificate {0} is not signed by the next one")]
    Broken(usize),
    /// The chain has no certificate of the issuer.
    #[error("its chain is incomplete: {0} is missing")]
    Incomplete(String),
}

/// Checks a chain. Returns the content of the file that nginx reads (the key and the chain), and the parsed
/// certificate.
///
/// # Errors
/// If the certificate does not fit, or its chain is broken.
pub fn check(
    key: &str,
    chain: &str,
    names: &Names,
    now: u64,
    roots: &[CertificateDer<'_>],
) -> Result<(String, Certificate), Refusal> {
    // Keeps only the certificates of the answer. A key in the answer must not hide the program's own key.
    let chain = Certificate::parse(chain.as_bytes())?.chain;
    let file = format!("{key}{}", certificate::to_pem(&chain));
    let certificate = Certificate::parse(file.as_bytes())?;
    let facts = &certificate.facts;
    if !facts.key_matches {
        return Err(Refusal::Key);
    }
    if !facts.names.contain(names) {
        return Err(Refusal::Names(facts.names.clone(), names.clone()));
    }
    check_chain(&certificate.chain, now, roots)?;
    Ok((file, certificate))
}

fn check_chain(
    chain: &[CertificateDer<'_>],
    now: u64,
    roots: &[CertificateDer<'_>],
) -> Result<(), Refusal> {
    let chain: Vec<_> = chain.iter().filter_map(certificate::read).collect();
    for (number, each) in chain.iter().enumerate() {
        let end = u64::try_from(each.validity().not_after.timestamp()).unwrap_or(0);
        if end <= now {
            return Err(Refusal::Ended(number + 1, clock::text(end)));
        }
    }
    for (number, pair) in chain.windows(2).enumerate() {
        if !is_signed_by(&pair[0], &pair[1]) {
            return Err(Refusal::Broken(number + 1));
        }
    }
    match &chain[..] {
        // A client needs the issuer's certificate, too, unless the issuer is one of the client's roots.
        [only]
            if !roots
                .iter()
                .filter_map(certificate::read)
                .any(|root| is_signed_by(only, &root)) =>
        {
            Err(Refusal::Incomplete(only.issuer().to_string()))
        }
        _ => Ok(()),
    }
}

fn is_signed_by(certificate: &X509Certificate<'_>, issuer: &X509Certificate<'_>) -> bool {
    certificate.issuer().as_raw() == issuer.subject().as_raw()
        && match certificate.verify_signature(Some(issuer.public_key())) {
            Ok(()) => true,
            // ring can't verify every algorithm, for example P-521. The matching names are enough here, because clients
            // check the signature.
            Err(error) => error == X509Error::SignatureUnsupportedAlgorithm,
        }
}

#[cfg(test)]
mod tests;
