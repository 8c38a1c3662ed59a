#![allow(clippy::unwrap_used)]
use super::*;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
};
use time::OffsetDateTime;

const NOW: u64 = 1_790_000_000;

/// An authority with a root and an intermediate certificate.
struct Authority {
    root: CertificateDer<'static>,
    intermediate: rcgen::Certificate,
    issuer: Issuer<'static, KeyPair>,
}

fn time(seconds: u64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(seconds as i64).unwrap()
}

fn params(names: &[&str], end: u64) -> CertificateParams {
    let mut params =
        CertificateParams::new(Vec::from_iter(names.iter().map(|n| (*n).to_owned()))).unwrap();
    params.distinguished_name = DistinguishedName::new();
    params.not_before = time(NOW - 3600);
    params.not_after = time(end);
    params
}

fn authority(end: u64) -> Authority {
    let named = |name: &str, end| {
        let mut params = params(&[], end);
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
    };
    let root_key = KeyPair::generate().unwrap();
    let root_params = named("root", NOW + 1000);
    let root = root_params.self_signed(&root_key).unwrap().der().clone();
    let root = (root, Issuer::new(root_params, root_key));
    let key = KeyPair::generate().unwrap();
    let params = named("intermediate", end);
    Authority {
        intermediate: params.signed_by(&key, &root.1).unwrap(),
        issuer: Issuer::new(params, key),
        root: root.0,
    }
}

impl Authority {
    /// Returns a key and the certificate for it.
    fn issue(&self, names: &[&str], end: u64) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let certificate = params(names, end).signed_by(&key, &self.issuer).unwrap();
        (key.serialize_pem(), certificate.pem())
    }
}

fn judged(key: &str, chain: &str, roots: &[CertificateDer<'_>]) -> String {
    let names = Names::from(vec!["a.example".into()]);
    match check(key, chain, &names, NOW, roots) {
        Ok((file, _)) => {
            assert_eq!(file.matches("PRIVATE KEY").count(), 2, "{file}");
            "taken".into()
        }
        Err(refusal) => refusal.to_string(),
    }
}

#[test]
fn a_whole_chain_is_taken_in_this_order_only() {
    let authority = authority(NOW + 1000);
    let (key, leaf) = authority.issue(&["a.example"], NOW + 1000);
    let intermediate = authority.intermediate.pem();
    assert_eq!(judged(&key, &format!("{leaf}{intermediate}"), &[]), "taken");
    let root = certificate::to_pem(std::slice::from_ref(&authority.root));
    assert_eq!(
        judged(&key, &format!("{leaf}{intermediate}{root}"), &[]),
        "taken"
    );
    let reversed = judged(&key, &format!("{intermediate}{leaf}"), &[]);
    assert!(reversed.contains("not for the key"), "{reversed}");
    let foreign = self::authority(NOW + 1000).intermediate.pem();
    let broken = judged(&key, &format!("{leaf}{foreign}"), &[]);
    assert!(
        broken.contains("certificate 1 is not signed by the next one"),
        "{broken}"
    );
    let gap = judged(&key, &format!("{leaf}{root}"), &[]);
    assert!(gap.contains("certificate 1"), "{gap}");
}

#[test]
fn a_lone_certificate_is_taken_if_a_known_root_has_signed_it() {
    let authority = authority(NOW + 1000);
    let (key, leaf) = authority.issue(&["a.example"], NOW + 1000);
    let lone = judged(&key, &leaf, std::slice::from_ref(&authority.root));
    assert!(lone.contains("CN=intermediate is missing"), "{lone}");
    assert_eq!(
        judged(&key, &leaf, &[authority.intermediate.der().clone()]),
        "taken"
    );
}

#[test]
fn other_names_another_key_and_an_expired_certificate_are_refused() {
    let authority = authority(NOW + 1000);
    let intermediate = authority.intermediate.pem();
    let (key, leaf) = authority.issue(&["b.example"], NOW + 1000);
    let other = judged(&key, &format!("{leaf}{intermediate}"), &[]);
    assert_eq!(other, "it is for b.example, not for a.example");
    let (_, leaf) = authority.issue(&["a.example"], NOW + 1000);
    let other = judged(&key, &format!("{leaf}{intermediate}"), &[]);
    assert!(other.contains("key"), "{other}");
    let (key, leaf) = authority.issue(&["a.example"], NOW - 1);
    let ended = judged(&key, &format!("{leaf}{intermediate}"), &[]);
    assert!(
        ended.contains("certificate 1 of its chain expired"),
        "{ended}"
    );
    let ended = self::authority(NOW - 1);
    let (key, leaf) = ended.issue(&["a.example"], NOW + 1000);
    let ended = judged(&key, &format!("{leaf}{}", ended.intermediate.pem()), &[]);
    assert!(
        ended.contains("certificate 2 of its chain expired"),
        "{ended}"
    );
}

#[test]
fn an_answer_that_is_no_certificate_is_refused() {
    let key = KeyPair::generate().unwrap().serialize_pem();
    for answer in [
        "",
        "<html>",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ] {
        assert_ne!(judged(&key, answer, &[]), "taken", "{answer}");
    }
    // A key in the answer does not replace the program's own key.
    let authority = authority(NOW + 1000);
    let (foreign, leaf) = authority.issue(&["a.example"], NOW + 1000);
    let answer = format!("{foreign}{leaf}{}", authority.intermediate.pem());
    assert!(judged(&key, &answer, &[]).contains("key"));
}
