//! A file with a certificate: the private key and the chain, in PEM.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use instant_acme::CertificateIdentifier;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde::Serialize;
use thiserror::Error;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::names::Names;
use crate::schedule::Current;

/// What is wrong with a file.
#[derive(Debug, Error)]
pub enum Fault {
    /// The file is not PEM.
    #[error("the file is not valid PEM: {0:?}")]
    Pem(pem::Error),
    /// The file has no certificate.
    #[error("the file contains no certificate")]
    Empty,
    /// A certificate is unreadable.
    #[error("certificate {0} of the chain is unreadable")]
    Certificate(usize),
    /// The private key is unreadable, or of a kind that rustls does not support.
    #[error("the private key is unreadable, or of an unknown kind")]
    Key,
}

/// A certificate with its chain, as read from a file. The value does not contain the file's key.
#[derive(Debug)]
pub struct Certificate {
    /// The certificate itself, then those of the authorities that signed it.
    pub chain: Vec<CertificateDer<'static>>,
    /// The content of the certificate.
    pub facts: Facts,
}

/// The content of a certificate, as `inspect` prints it. Times are seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// The domains and addresses that the certificate is for.
    pub names: Names,
    /// When the certificate becomes valid.
    pub not_before: u64,
    /// When the certificate expires.
    pub not_after: u64,
    /// The authority's name.
    pub issuer: String,
    /// Whether the certificate is signed with its own key.
    pub self_signed: bool,
    /// Whether the file has the private key of this certificate.
    pub key_matches: bool,
}

impl Certificate {
    /// Parses a file's content.
    ///
    /// # Errors
    /// If the content is not PEM, has no certificate, or has an unreadable certificate or key.
    pub fn parse(content: &[u8]) -> Result<Self, Fault> {
        let chain = CertificateDer::pem_slice_iter(content);
        let chain: Vec<_> = chain.collect::<Result<_, _>>().map_err(Fault::Pem)?;
        let spki = public_key(content)?;
        for (number, der) in chain.iter().enumerate() {
            read(der).ok_or(Fault::Certificate(number + 1))?;
        }
        let first = chain.first().ok_or(Fault::Empty)?;
        let facts = facts(first, spki.as_deref()).ok_or(Fault::Certificate(1))?;
        Ok(Self { chain, facts })
    }

    /// Returns the certificate's identifier (RFC 9773); `None` if the certificate does not name the authority's key.
    pub fn identifier(&self) -> Option<CertificateIdentifier<'static>> {
        let identifier = CertificateIdentifier::try_from(self.chain.first()?);
        Some(identifier.ok()?.into_owned())
    }

    /// Returns what the schedule needs; `None` if the certificate is self-signed, or its key is missing.
    pub fn current(&self) -> Option<Current> {
        let facts = &self.facts;
        let serves = facts.key_matches && !facts.self_signed;
        serves.then(|| Current {
            id: self.id(),
            names: facts.names.clone(),
            not_before: facts.not_before,
            not_after: facts.not_after,
        })
    }

    fn id(&self) -> String {
        let serial = || {
            let first = self.chain.first().and_then(read);
            first.map(|first| first.raw_serial_as_string())
        };
        let identifier = self.identifier().map(|identifier| identifier.to_string());
        identifier.or_else(serial).unwrap_or_default()
    }
}

/// Parses one certificate of a chain; `None` if it is unreadable.
pub fn read<'a>(der: &'a CertificateDer<'_>) -> Option<X509Certificate<'a>> {
    let (rest, certificate) = X509Certificate::from_der(der).ok()?;
    rest.is_empty().then_some(certificate)
}

/// Returns the chain in PEM, without any text between the certificates.
pub fn to_pem(chain: &[CertificateDer<'_>]) -> String {
    let mut text = String::new();
    for der in chain {
        text.push_str("-----BEGIN CERTIFICATE-----\n");
        // The lines have 64 characters (RFC 7468, section 2).
        let mut line = 0;
        for character in BASE64_STANDARD.encode(der).chars() {
            text.push(character);
            line += 1;
            if line == 64 {
                text.push('\n');
                line = 0;
            }
        }
        text.push_str(if line == 0 { "" } else { "\n" });
        text.push_str("-----END CERTIFICATE-----\n");
    }
    text
}

/// Returns the public part of the file's private key, as a SubjectPublicKeyInfo; `None` if the file has no key.
fn public_key(content: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
    let key = match PrivateKeyDer::from_pem_slice(content) {
        Err(pem::Error::NoItemsFound) => return Ok(None),
        other => other.map_err(Fault::Pem)?,
    };
    let key = any_supported_type(&key).map_err(|_| Fault::Key)?;
    Ok(key.public_key().map(|public| public.to_vec()))
}

fn facts(der: &CertificateDer<'_>, key: Option<&[u8]>) -> Option<Facts> {
    let certificate = read(der)?;
    let seconds = |time: x509_parser::time::ASN1Time| u64::try_from(time.timestamp()).unwrap_or(0);
    let validity = certificate.validity();
    let own = certificate.issuer().as_raw() == certificate.subject().as_raw();
    Some(Facts {
        names: names(&certificate),
        not_before: seconds(validity.not_before),
        not_after: seconds(validity.not_after),
        issuer: certificate.issuer().to_string(),
        self_signed: own && certificate.verify_signature(None).is_ok(),
        key_matches: key.is_some_and(|key| key == certificate.public_key().raw),
    })
}

/// Returns the names that a client compares. The subject's common name is not one of them (RFC 9525).
fn names(certificate: &X509Certificate<'_>) -> Names {
    let names = certificate.subject_alternative_name().ok().flatten();
    let names = names.map(|names| names.value.general_names.iter());
    let text = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => address(bytes),
        _ => None,
    };
    Names::from(Vec::from_iter(names.into_iter().flatten().filter_map(text)))
}

fn address(bytes: &[u8]) -> Option<String> {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return Some(std::net::Ipv4Addr::from(four).to_string());
    }
    let sixteen = <[u8; 16]>::try_from(bytes).ok()?;
    Some(std::net::Ipv6Addr::from(sixteen).to_string())
}

#[cfg(test)]
mod tests;
